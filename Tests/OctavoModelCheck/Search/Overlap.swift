import OctavoPostgres

/// Calls that overlap: the first is held at a gate, the others run meanwhile until they end or wait for it, then it goes
/// on.
struct Overlap: Sendable {
    var world: World
    var first: Call
    var others: [Call]
    /// The gate at which the first is held, counted from 1; past the last one it is held before its commit.
    var gate: Int
    /// Whether the first, held before its commit, is rolled back instead, as when its worker is killed.
    var isRolledBack = false
}

extension Overlap {
    /// What happened.
    struct Outcome: Sendable {
        /// What the calls answered, the first one first; nil for one that was rolled back.
        var replies: [Reply?]
        /// What the server refused.
        var errors: [PostgresError]
        /// The gate at which the first was held, in words; nil if it was before its commit.
        var heldAt: String?
        var after: QueueState
        /// What the oracle says of the state.
        var problems: [String]
        /// How many of the others had to wait for the first.
        var waits: Int
    }

    /// Everything that does not hold of an outcome.
    func problems(_ outcome: Outcome) -> [String] {
        outcome.problems + refusals(outcome) + wrongResults(outcome) + wrongReplies(outcome)
    }

    private var calls: [Call] { [first] + others }

    /// Nothing may be refused, but results of a batch that is just being cancelled.
    private func refusals(_ outcome: Outcome) -> [String] {
        let isCancelling = calls.contains { $0.verb == .cancel }
        return outcome.errors.filter { !isCancelling || $0.sqlState != SQLState.serializationFailure }.map { "\($0)" }
    }

    /// Results stay, and there are new ones only of those who held the request, as many as they were told.
    private func wrongResults(_ outcome: Outcome) -> [String] {
        var problems: [String] = []
        for result in world.queue.results where outcome.after.finisher(of: result.request) != result.token {
            problems.append("the result of \(result.request) was changed")
        }
        var stored: [Int: Int] = [:]
        for result in outcome.after.results where world.queue.finisher(of: result.request) == nil {
            stored[result.token, default: 0] += 1
            if !world.queue.requests(heldBy: result.token).contains(result.request) {
                problems.append("\(result.request) was finished by a writer that did not hold it")
            }
        }
        for case (.finish(let writer, _), .finished(let accepted, _, _)?) in zip(calls, outcome.replies) {
            stored[world.token(writer), default: 0] -= accepted
        }
        if stored.values.contains(where: { $0 != 0 }) { problems.append("finish did not store what it answered") }
        return problems
    }

    /// A claim has leased what it returned, a batch that was cancelled is, and leases end only by their holder or, expired,
    /// by the reaper.
    private func wrongReplies(_ outcome: Outcome) -> [String] {
        var problems: [String] = []
        for case (.claim, .claimed(let token, let requests)?) in zip(calls, outcome.replies)
        where outcome.after.requests(heldBy: token) != requests {
            problems.append("a claim returned \(requests), which is not what it leased")
        }
        for case (.cancel(let batch), .rows(1)?) in zip(calls, outcome.replies)
        where outcome.after.batches[batch - 1].state != 3 {
            problems.append("batch \(batch) was cancelled and is not")
        }
        for lease in world.queue.leases where outcome.after.lease(lease.token) == nil {
            let isRightful = calls.contains { call in
                call.writer.map { world.writers[$0].token == lease.token } ?? (call == .reap && lease.isExpired)
            }
            if !isRightful { problems.append("a lease was taken from its holder") }
        }
        return problems
    }

    /// The overlap in words.
    func description(_ names: [String], _ outcome: Outcome) -> String {
        let place = outcome.heldAt ?? (isRolledBack ? "before its commit, then rolled back" : "before its commit")
        let calls = zip([first] + others, outcome.replies).map { call, reply in
            let text = reply.map(\.description) ?? "no reply"
            return call.description(names, in: world) + (text.isEmpty ? "" : ": \(text)")
        }
        return "\(calls[0]) [held \(place)]; meanwhile \(calls.dropFirst().joined(separator: "; "))"
    }
}
