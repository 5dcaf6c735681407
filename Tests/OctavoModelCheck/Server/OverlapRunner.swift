import OctavoPostgres

/// Runs overlaps in a database of its own, on sessions that each have a thread.
final class OverlapRunner: Sendable {
    /// A session for calls that come one after the other.
    let database: ModelDatabase
    private let scope: Scope
    private let controller: ModelDatabase
    private let first: GatedSession
    private let others: [GatedSession]

    init(_ scope: Scope, _ controller: ModelDatabase) throws {
        self.scope = scope
        self.controller = controller
        database = try controller.another()
        first = GatedSession(try controller.another(), name: "first")
        others = try (1...2).map { GatedSession(try controller.another(), name: "other \($0)") }
        try controller.session.execute(OverlapSQL.gates)
        // Two calls that wait for one another are found out sooner.
        for session in [first] + others { try session.database.session.execute("SET deadlock_timeout = '20ms'") }
    }

    /// Lets calls overlap.
    func run(_ overlap: Overlap) throws -> Overlap.Outcome {
        let world = overlap.world
        try controller.session.execute(
            SnapshotSQL.clear + ModelDatabase.script(restoring: world.queue) + "; SELECT pg_advisory_lock(1)")
        let call = overlap.first
        let running = first.start { [scope] database in
            try database.session.execute(
                """
                BEGIN; SELECT set_config('model_check.gates_left', '\(overlap.gate)', false),
                set_config('model_check.held_at', '', false)
                """)
            return try database.perform(call, in: world, scope)
        }
        let isHeld = try !isDoneOrWaiting(running, first)
        let meanwhile = try zip(overlap.others, others).map { call, session in
            let pending = session.start { [scope] database in try database.perform(call, in: world, scope) }
            return (pending: pending, isDone: try isDoneOrWaiting(pending, session))
        }
        try controller.session.execute("SELECT pg_advisory_unlock(1)")
        let reply = running.wait()
        let isCommitted = !overlap.isRolledBack && (try? reply.get()) != nil
        let ended = first.start { database in
            try database.session.execute(isCommitted ? "COMMIT" : "ROLLBACK")
            return try database.session.query("SELECT current_setting('model_check.held_at')").only().string(0)
        }
        let place = try ended.wait().get()
        let results = [reply] + meanwhile.map { $0.pending.wait() }
        return Overlap.Outcome(
            replies: results.enumerated().map { $0 == 0 && !isCommitted ? nil : try? $1.get() },
            errors: try results.compactMap(Self.refusal), heldAt: isHeld ? place : nil,
            after: try controller.snapshot(), problems: try controller.problems(),
            waits: meanwhile.count { !$0.isDone })
    }

    /// The server's refusal; other errors are the check's own.
    private static func refusal(_ result: Result<Reply, any Error>) throws -> PostgresError? {
        guard case .failure(let error) = result else { return nil }
        guard let refusal = error as? PostgresError, refusal.kind == .server else { throw error }
        return refusal
    }

    /// Waits until a call has ended (true) or waits for a lock (false).
    private func isDoneOrWaiting<T>(_ pending: Pending<T>, _ session: GatedSession) throws -> Bool {
        while !pending.isDone(within: 150) {
            let waiting = try controller.session.query(
                "SELECT FROM pg_locks WHERE pid = $1 AND NOT granted", [.int32(session.processID)])
            if !waiting.isEmpty { return false }
        }
        return true
    }
}
