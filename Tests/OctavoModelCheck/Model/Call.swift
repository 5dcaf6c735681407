/// The kinds of what may happen.
enum Verb: String, Sendable, CaseIterable {
    case claim, heartbeat, checkpoint, finish, fail, release, die
    case expire, wait, reap
    case pause, resume, cancel, clear, retry
}

/// One thing that may happen: a call of the queue by a writer (its place in the world) or by anyone, or time that passes.
enum Call: Hashable, Sendable {
    case claim(writer: Int)
    case heartbeat(writer: Int)
    case checkpoint(writer: Int)
    case finish(writer: Int, [Request])
    case fail(writer: Int, Request, isPermanent: Bool)
    case release(writer: Int)
    /// The writer is killed, and another process starts in its place.
    case die(writer: Int)
    /// The time of a lease runs out.
    case expire(token: Int)
    /// The pauses of segments end.
    case wait
    case reap
    case pause(batch: Int)
    case resume(batch: Int)
    /// The first transaction of a cancellation.
    case cancel(batch: Int)
    /// The second one, which removes segments.
    case clear(batch: Int)
    case retry(batch: Int)
}

extension Call {
    var verb: Verb {
        switch self {
        case .claim: .claim
        case .heartbeat: .heartbeat
        case .checkpoint: .checkpoint
        case .finish: .finish
        case .fail: .fail
        case .release: .release
        case .die: .die
        case .expire: .expire
        case .wait: .wait
        case .reap: .reap
        case .pause: .pause
        case .resume: .resume
        case .cancel: .cancel
        case .clear: .clear
        case .retry: .retry
        }
    }

    /// The writer who calls, if one does.
    var writer: Int? {
        switch self {
        case .claim(let writer), .heartbeat(let writer), .checkpoint(let writer), .finish(let writer, _),
            .fail(let writer, _, _), .release(let writer), .die(let writer):
            writer
        case .expire, .wait, .reap, .pause, .resume, .cancel, .clear, .retry: nil
        }
    }

    /// Whether the reply can be lost such that the writer is in another state than if it had come. (That of a claim is
    /// a claim and a death; that of a heartbeat tells nothing that the next would not.)
    var hasReplyToLose: Bool {
        switch verb {
        case .finish, .fail, .release: true
        default: false
        }
    }
}

/// What a call answered.
enum Reply: Hashable, Sendable {
    /// A lease, or none.
    case claimed(token: Int, [Request])
    case nothing
    /// Whether the lease stands.
    case stands(Bool)
    case finished(accepted: Int, already: Int, isFenced: Bool)
    case failed(retried: Int, failed: Int, isFenced: Bool)
    /// A number of requests or leases.
    case count(Int)
    /// How many rows a plain statement changed.
    case rows(Int)
}

extension World {
    /// Everything that may happen next.
    ///
    /// - Parameter isForAll: false if, of writers in the same state, one stands for all.
    func calls(_ scope: Scope, isForAll: Bool = false) -> [Call] {
        var calls: [Call] = []
        for (index, writer) in writers.enumerated() where isForAll || !writers[..<index].contains(writer) {
            calls += self.calls(of: writer, at: index)
        }
        calls += queue.leases.filter { !$0.isExpired }.map { .expire(token: $0.token) }
        if queue.segments.contains(where: { $0.availability == .waiting }) { calls.append(.wait) }
        calls.append(.reap)
        for (index, batch) in queue.batches.enumerated() {
            let id = index + 1
            switch batch.state {
            case 1: calls += [.pause(batch: id), .cancel(batch: id)]
            case 2: calls += [.resume(batch: id), .cancel(batch: id)]
            case 3: calls.append(.clear(batch: id))
            default: break
            }
            if batch.state != 3, batch.failed > 0 { calls.append(.retry(batch: id)) }
        }
        return calls.filter { scope.verbs.contains($0.verb) }
    }

    private func calls(of writer: Writer, at index: Int) -> [Call] {
        guard writer.token != nil else { return queue.segments.isEmpty ? [] : [.claim(writer: index)] }
        var calls: [Call] = [.heartbeat(writer: index)]
        if checkpointsLeft > 0 { calls.append(.checkpoint(writer: index)) }
        for request in writer.held { calls.append(.finish(writer: index, [request])) }
        if writer.held.count > 1 { calls.append(.finish(writer: index, writer.held)) }
        for isPermanent in [false, true] {
            calls += writer.held.map { .fail(writer: index, $0, isPermanent: isPermanent) }
        }
        return calls + [.release(writer: index), .die(writer: index)]
    }
}

/// A call, and whether its reply reached the caller.
struct Step: Hashable, Sendable {
    var call: Call
    var isReplyLost = false
}

extension World {
    /// The world after a step, in canonical form.
    ///
    /// - Returns: the world, and for each writer its place before.
    func after(_ step: Step, _ reply: Reply, queue: QueueState, _ scope: Scope) -> (world: World, order: [Int]) {
        var world = self
        world.queue = queue
        if let writer = step.call.writer {
            world.writers[writer] = writers[writer].after(step.call, step.isReplyLost ? nil : reply)
        }
        if step.call.verb == .checkpoint, reply == .stands(true) { world.checkpointsLeft -= 1 }
        return world.canonical(lossesCap: scope.lossesCap)
    }
}

extension Writer {
    /// The writer after a call of its own.
    ///
    /// - Parameter reply: nil if it was lost, and then the writer believes what it believed before.
    func after(_ call: Call, _ reply: Reply?) -> Writer {
        var writer = self
        switch (call, reply) {
        case (.die, _), (.release, .count): return .idle
        case (.claim, .claimed(let token, let requests)): return Writer(token: token, held: requests)
        case (.heartbeat, .stands(false)), (.checkpoint, .stands(false)): return .idle
        case (.checkpoint, .stands(true)): writer.checkpoints += 1
        case (.finish(_, let requests), .finished(_, _, let isFenced)):
            guard !isFenced else { return .idle }
            writer.held.removeAll { requests.contains($0) }
        case (.fail(_, let request, _), .failed(_, _, let isFenced)):
            guard !isFenced else { return .idle }
            writer.held.removeAll { $0 == request }
        default: return self
        }
        return writer.held.isEmpty ? .idle : writer
    }
}
