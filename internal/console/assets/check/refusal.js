// Refusal is why something is not what it claims to be. Its codes are the kinds
// of error of Writ's Go package proof:
//
//   form        not the JSON, or not the sizes, that docs/ledger.md asks for
//   trust       the log's key or the policy that was pinned cannot be used
//   log         the checkpoint is not signed by the log that is pinned
//   witnesses   fewer witnesses than the policy asks for cosigned
//   stale       nobody has cosigned the checkpoint lately
//   inclusion   the statement is not in the log at that index
//   slot        what is hidden is not what was committed to in that slot
//
// and one more, which says nothing about the receipt:
//
//   unsupported this browser cannot check signatures of that kind
export class Refusal extends Error {
  constructor(code, why, values = {}) {
    super(`${code}: ${why}`);
    this.code = code;
    this.why = why;
    this.values = values;
  }
}

export const refuse = (code, why, values) => {
  throw new Refusal(code, why, values);
};
