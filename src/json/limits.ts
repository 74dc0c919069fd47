/** Maximum nested containers of a document: a recursive reader of it has a stack of this depth. */
export const MAX_DEPTH = 100;
/** Maximum names of members in a document, at all depths: each takes memory of its own when the document is read. */
export const MAX_NAMES = 50_000;
