import OctavoPostgres

/// What is being done with a batch; the raw value is the code in the database, but for `expired`.
public enum BatchState: Int16, Sendable, CaseIterable {
    /// Its file is being read; nothing is claimed yet.
    case loading = 0
    /// Its requests are claimed.
    case active = 1
    /// Nothing more is claimed until it is resumed; what is leased goes on.
    case paused = 2
    /// Given up: unfinished requests stay unfinished, and results that come late are refused.
    case cancelled = 3
    /// Every request has ended, finished or failed.
    case completed = 4
    /// Its rows are being deleted.
    case deleting = 5
    /// As `cancelled`, by the clock: its deadline has passed. Stored as cancelled with a mark beside it, which is all that
    /// workers need to know, also those that know no deadlines.
    case expired = 6

    /// The state as a column of `octavo.batches`.
    static let sql = "CASE WHEN is_expired AND state = 3 THEN 6 ELSE state END AS state"

    /// The states that the database knows.
    static let stored = allCases.filter { $0 != .expired }

    /// The state's name, for people and for JSON.
    public var name: String { "\(self)" }
}

extension PostgresRow {
    func batchState(_ column: PostgresColumn) throws -> BatchState {
        let code = try int(column)
        guard let state = Int16(exactly: code).flatMap(BatchState.init) else {
            throw PostgresError(.invalidValue, "\(code) is not the state of a batch that this version knows")
        }
        return state
    }
}
