/// What must hold of every call, beside what must hold of every state.
struct Transition {
    var before: World
    var call: Call
    var reply: Reply
    var after: QueueState

    /// Everything that does not hold.
    var problems: [String] { permanence + fencing + truthfulness }

    /// Ends stay: no result changes or goes, no final failure goes unless it is retried.
    private var permanence: [String] {
        var problems: [String] = []
        for result in before.queue.results where after.finisher(of: result.request) == nil {
            problems.append("the result of \(result.request) has gone")
        }
        for result in before.queue.results where result.token != (after.finisher(of: result.request) ?? result.token) {
            problems.append("the result of \(result.request) was replaced")
        }
        for failure in before.queue.failures where failure.isFinal && call.verb != .retry {
            let isThere = after.failures.contains { $0.isFinal && $0.request == failure.request }
            if !isThere { problems.append("the failure of \(failure.request) has gone") }
        }
        return problems
    }

    /// Results are stored only by who holds the request, in batches that go on; without a lease nothing changes; leases
    /// end only by their holder or, expired, by the reaper.
    private var fencing: [String] {
        var problems: [String] = []
        let stored = newResults
        if !stored.isEmpty {
            guard case .finish(let writer, _) = call else { return ["\(call.verb) stored results"] }
            let held = before.queue.requests(heldBy: before.token(writer))
            for request in stored where !held.contains(request) {
                problems.append("\(request) was finished by a writer that does not hold it")
            }
            for request in stored where before.queue.batches[request.batch - 1].state == 3 {
                problems.append("\(request) was finished after its batch was cancelled")
            }
        }
        let isByHolder = call.writer.flatMap { before.writers[$0].token }
        if let token = isByHolder, call.verb != .die, before.queue.lease(token) == nil, after != before.queue {
            problems.append("a writer without a lease changed the queue")
        }
        for lease in before.queue.leases where after.lease(lease.token) == nil {
            let isRightful = lease.token == isByHolder || call == .reap && lease.isExpired
            if !isRightful { problems.append("a lease was taken from its holder by \(call.verb)") }
        }
        return problems
    }

    /// What a writer is told is what happened.
    private var truthfulness: [String] {
        switch (call, reply) {
        case (.claim, .claimed(let token, let requests)):
            let held = after.requests(heldBy: token)
            return held == requests ? [] : ["a claim returned \(requests) and leased \(held)"]
        case (.claim, .nothing): return after.leases.count == before.queue.leases.count ? [] : ["a claim kept a lease"]
        case (.heartbeat(let writer), .stands(let isStanding)), (.checkpoint(let writer), .stands(let isStanding)):
            let lease = after.lease(before.token(writer))
            return isStanding == (lease.map { !$0.isExpired } ?? false) ? [] : ["\(call.verb) answered \(isStanding)"]
        case (.finish(let writer, let requests), .finished(let accepted, let already, let isFenced)):
            let token = before.token(writer)
            let known = requests.count { after.finisher(of: $0) == token }
            let isLost = before.queue.lease(token) == nil && known < requests.count
            let isTrue = (accepted, already, isFenced) == (newResults.count, known - newResults.count, isLost)
            return isTrue ? [] : ["finish answered \(accepted), \(already), \(isFenced), which is not what happened"]
        case (.fail(let writer, let request, _), .failed(let retried, let failed, let isFenced)):
            let token = before.token(writer)
            let failure = after.failures.first { $0.request == request && $0.token == token }
            let isLost = before.queue.lease(token) == nil && failure == nil
            let expected = (failure.map { $0.isFinal ? 0 : 1 } ?? 0, failure.map { $0.isFinal ? 1 : 0 } ?? 0, isLost)
            return (retried, failed, isFenced) == expected ? [] : ["fail answered what did not happen"]
        case (.cancel(let batch), .rows(1)):
            return after.batches[batch - 1].state == 3 ? [] : ["batch \(batch) was cancelled and is not"]
        default: return []
        }
    }

    private var newResults: [Request] {
        after.results.map(\.request).filter { before.queue.finisher(of: $0) == nil }
    }
}
