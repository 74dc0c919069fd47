import type { Plan, Step } from './plan.js';

/**
 * The shortest plan that still fails, as far as leaving out steps finds it: halves first, then ever smaller parts, then single
 * steps. A step does the same without the others, so each part is a plan.
 */
export async function shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean>): Promise<Plan> {
  let steps: readonly Step[] = plan.steps;
  let size = Math.ceil(steps.length / 2);
  while (size >= 1) {
    let isShorter = false;
    for (let at = 0; at < steps.length;) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if (fewer.length > 0 && (await fails({ ...plan, steps: fewer }))) {
        steps = fewer;
        isShorter = true;
      } else {
        at += size;
      }
    }
    if (size === 1 && !isShorter) break;
    size = isShorter && size === 1 ? 1 : Math.floor(size / 2);
  }
  return { ...plan, steps };
}
