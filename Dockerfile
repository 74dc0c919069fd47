# Two stages: build tools stay out of the image.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY --from=build /app/dist ./dist
COPY docs/asyncapi.yaml docs/problems.md ./docs/
COPY examples ./examples
COPY LICENSE ./
# For DATA_DIR=/data on a volume. Not set by default: without a volume the data ends with the container.
RUN mkdir /data && chown node:node /data
USER node
# HOST=0.0.0.0 needs ADMIN_TOKEN, JWT_ISSUER or ACCESS; without one the start is refused.
EXPOSE 3000
STOPSIGNAL SIGTERM
# The certificate of TLS_CERT_FILE is for other names than this address.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "-e", "const { PORT, TLS_CERT_FILE } = process.env; process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; fetch(`http${TLS_CERT_FILE ? 's' : ''}://127.0.0.1:${PORT}/status`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
