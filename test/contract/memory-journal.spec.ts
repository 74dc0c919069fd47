import { describeDurability } from './describe-durability.js';
import { describeEngine } from './describe-engine.js';
import { openJournalEngine } from './journal-engine.js';

describeEngine('memory with a journal', openJournalEngine);
describeDurability('memory with a journal', openJournalEngine);
