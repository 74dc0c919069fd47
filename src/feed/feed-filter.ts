import type { FeedEvent } from '../engine/engine.js';

/** Which events; every member given must hold. */
export interface FeedFilter {
  /** Of this workflow, and of the tasks that belong to it. */
  readonly workflow?: string;
  /** Of workflows whose id begins so, and of tasks that belong to them. */
  readonly idPrefix?: string;
  readonly task?: string;
  readonly channel?: string;
  /** One type, or all that begin with what stands before a * at the end. */
  readonly type?: string;
  /** Only what happens to workflows themselves. */
  readonly onlyWorkflows?: true;
  /** And all messages of this channel, whatever the others say. */
  readonly orChannel?: string;
}

const isMessage = ({ fields }: FeedEvent): boolean => fields['channel'] !== undefined;
const isOfTask = ({ fields }: FeedEvent): boolean => fields['queue'] !== undefined;

function workflowOf(event: FeedEvent): string | undefined {
  if (isMessage(event)) return undefined;
  return isOfTask(event) ? event.fields['workflow'] : event.fields['id'];
}

export function matches(filter: FeedFilter, event: FeedEvent): boolean {
  const { workflow, idPrefix, task, channel, type, onlyWorkflows, orChannel } = filter;
  if (orChannel !== undefined && event.fields['channel'] === orChannel) return true;
  if (channel !== undefined && event.fields['channel'] !== channel) return false;
  if (workflow !== undefined && workflowOf(event) !== workflow) return false;
  if (task !== undefined && !(isOfTask(event) && event.fields['id'] === task)) return false;
  if (idPrefix !== undefined && !(workflowOf(event)?.startsWith(idPrefix) ?? false)) return false;
  if (onlyWorkflows && (isMessage(event) || isOfTask(event))) return false;
  if (type === undefined) return true;
  return type.endsWith('*') ? event.type.startsWith(type.slice(0, -1)) : event.type === type;
}

/** The same for equal filters. */
export function keyOf({ workflow, idPrefix, task, channel, type, onlyWorkflows, orChannel }: FeedFilter): string {
  return JSON.stringify([workflow, idPrefix, task, channel, type, onlyWorkflows, orChannel]);
}

/** What the events of the filter have in common, if anything; so that most filters need not be tried. No event has two of them. */
export function anchorsFor({ workflow, task, channel, onlyWorkflows, orChannel }: FeedFilter): string[] {
  if (channel !== undefined) return [`channel ${channel}`];
  const others = orChannel === undefined ? [] : [`channel ${orChannel}`];
  if (task !== undefined) return [`task ${task}`, ...others];
  if (workflow !== undefined) return [`workflow ${workflow}`, ...others];
  return onlyWorkflows ? ['workflows', ...others] : [''];
}

/** The anchors under which filters may want the event. */
export function anchorsOf(event: FeedEvent): string[] {
  const { channel, id } = event.fields;
  if (channel !== undefined) return ['', `channel ${channel}`];
  const workflow = workflowOf(event);
  const anchors = isOfTask(event) ? ['', `task ${id}`] : [''];
  if (!isOfTask(event)) anchors.push('workflows');
  return workflow === undefined ? anchors : [...anchors, `workflow ${workflow}`];
}
