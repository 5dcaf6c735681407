/// What a database role is needed for, and the privileges that takes.
///
/// The queue's functions run with their caller's rights, so that what a role may do is what these lists say, and a
/// function with a mistake in it lets nobody do more. The exception is `expire_overdue_v1`, by which roles that may only
/// read let the clock have its way; see the migration.
public enum QueueRole: String, Sendable, CaseIterable {
    /// Answers requests: `octavo worker`.
    case worker
    /// Submits batches and steers them: `octavo enqueue`, `cancel`, `pause`, `resume`, `prioritize`, `retry`, `status`.
    case enqueuer
    /// Reads everything, requests and answers included: `octavo export`, `status`.
    case exporter
    /// Reads how things stand, but neither requests nor answers: `octavo status`, `database doctor`, the view
    /// `request_states`.
    case observer

    /// Privileges on a table, view or sequence of the schema.
    struct Grant: Sendable, Hashable {
        /// Such as `SELECT, INSERT` or `UPDATE (state)`.
        var privileges: String
        var table: String
        var isSequence = false
    }

    /// The privileges, beyond those to connect and to use the schema and its functions.
    var grants: [Grant] {
        switch self {
        case .worker:
            return Self.standing + Self.contents + [
                Grant(
                    privileges: "UPDATE (state, vtime, started_at, completed_at, done, failed, reused, prompt_tokens, "
                        + "completion_tokens)", table: "batches"),
                Grant(privileges: "SELECT, INSERT, UPDATE, DELETE", table: "segments"),
                Grant(privileges: "SELECT, INSERT, UPDATE, DELETE", table: "leases"),
                Grant(privileges: "USAGE", table: "leases_token_seq", isSequence: true),
                Grant(privileges: "SELECT, UPDATE", table: "virtual_clock", isSequence: true),
                Grant(privileges: "SELECT, INSERT, UPDATE, DELETE", table: "lease_ranges"),
                Grant(privileges: "SELECT, INSERT, DELETE", table: "lease_log"),
                Grant(privileges: "INSERT", table: "results"),
                Grant(privileges: "SELECT, INSERT, UPDATE", table: "answers"),
                Grant(privileges: "INSERT", table: "timings"),
                Grant(privileges: "INSERT, UPDATE", table: "failures"),
                Grant(privileges: "SELECT, INSERT, DELETE", table: "checkpoints"),
                Grant(privileges: "SELECT, INSERT, UPDATE, DELETE", table: "workers"),
            ]
        case .enqueuer:
            // It deletes what it has loaded in vain, when a file changes while it is read; and failures that are to be
            // tried again. Results it cannot even read.
            return Self.standing + [
                Grant(privileges: "SELECT, INSERT, UPDATE, DELETE", table: "batches"),
                Grant(privileges: "SELECT, INSERT, DELETE", table: "requests"),
                Grant(privileges: "SELECT, INSERT, UPDATE, DELETE", table: "windows"),
                Grant(privileges: "SELECT, INSERT, UPDATE, DELETE", table: "segments"),
                Grant(privileges: "SELECT, DELETE", table: "failures"),
                Grant(privileges: "SELECT, DELETE", table: "answers"),
                Grant(privileges: "SELECT", table: "virtual_clock", isSequence: true),
            ]
        case .exporter: return Self.standing + Self.contents
        case .observer: return Self.standing
        }
    }

    /// How things stand.
    private static let standing = [
        Grant(privileges: "SELECT", table: "migrations"), Grant(privileges: "SELECT", table: "batches"),
        Grant(privileges: "SELECT", table: "windows"), Grant(privileges: "SELECT", table: "segments"),
        Grant(privileges: "SELECT", table: "leases"), Grant(privileges: "SELECT", table: "lease_ranges"),
        Grant(privileges: "SELECT", table: "lease_log"), Grant(privileges: "SELECT", table: "failures"),
        Grant(privileges: "SELECT", table: "workers"), Grant(privileges: "SELECT", table: "request_states"),
        Grant(privileges: "SELECT", table: "timings"), Grant(privileges: "SELECT", table: "request_timings"),
        Grant(
            privileges: "SELECT (batch_id, position, line, prompt_tokens, max_new_tokens, custom_id)",
            table: "requests"),
        Grant(
            privileges: "SELECT (batch_id, token, finished_at, position, prompt_tokens, completion_tokens, "
                + "finish_reason)", table: "results"),
    ]

    /// What was asked and answered.
    private static let contents = [
        Grant(privileges: "SELECT", table: "requests"), Grant(privileges: "SELECT", table: "results"),
    ]
}
