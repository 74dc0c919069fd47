import type { FeedEvent } from '../engine/engine.js';

/** Selects events that match every given member. */
export interface FeedFilter {
  /** Events of this workflow and of its tasks. */
  readonly workflow?: string;
  /** Events of workflows whose id starts with this prefix, and of their tasks. */
  readonly idPrefix?: string;
  readonly task?: string;
  readonly channel?: string;
  /** One type, or a prefix with a * at the end. */
  readonly type?: string;
  /** Only events of workflows, not of tasks. */
  readonly onlyWorkflows?: true;
  /** Also all messages of this channel, whatever the other members say. */
  readonly orChannel?: string;
}

const isMessage = ({ fields }: FeedEvent): boolean => fields['channel'] !== undefined;
export const isOfTask = ({ fields }: FeedEvent): boolean => fields['queue'] !== undefined;

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

/** Equal filters have equal keys. */
export function keyOf({ workflow, idPrefix, task, channel, type, onlyWorkflows, orChannel }: FeedFilter): string {
  return JSON.stringify([workflow, idPrefix, task, channel, type, onlyWorkflows, orChannel]);
}

/**
 * Keys under which the filter is stored, so that an event is compared with few filters only. An event matches at most
 * one key of a filter.
 */
export function anchorsFor({ workflow, task, channel, onlyWorkflows, orChannel }: FeedFilter): string[] {
  if (channel !== undefined) return [`channel ${channel}`];
  const others = orChannel === undefined ? [] : [`channel ${orChannel}`];
  if (task !== undefined) return [`task ${task}`, ...others];
  if (workflow !== undefined) return [`workflow ${workflow}`, ...others];
  return onlyWorkflows ? ['workflows', ...others] : [''];
}

/** Keys of all filters that can match the event. */
export function anchorsOf(event: FeedEvent): string[] {
  const { channel, id } = event.fields;
  if (channel !== undefined) return ['', `channel ${channel}`];
  const workflow = workflowOf(event);
  const anchors = isOfTask(event) ? ['', `task ${id}`] : [''];
  if (!isOfTask(event)) anchors.push('workflows');
  return workflow === undefined ? anchors : [...anchors, `workflow ${workflow}`];
}
