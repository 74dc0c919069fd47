/** A typical state of a document workflow, of about `bytes` bytes. */
export function stateOf(bytes, n = 0) {
  const state = {
    status: n % 10 === 0 ? 'reviewing' : 'generating',
    document_type: 'motion',
    user_id: `user-${n % 1000}`,
    case_id: `case-${n}`,
    title: 'Antrag – Übersicht 概要',
    sections: [],
  };
  for (let i = 0; JSON.stringify(state).length < bytes - 90; i++) {
    state.sections.push({
      id: `s${i}`,
      title: 'Facts',
      status: 'done',
      text: 'Lorem ipsum dolor sit amet, consetetur.',
    });
  }
  return state;
}
