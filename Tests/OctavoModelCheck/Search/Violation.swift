/// A step of a trace.
struct TraceStep: Sendable {
    /// Where it begins.
    var world: World
    var step: Step
    var reply: Reply
    /// For each writer of the world where it ends its place before.
    var order: [Int]
}

/// Something that must not be, and the way there.
struct Violation: Sendable {
    var trace: [TraceStep]
    /// What happens at once at the end of the trace, if it takes that.
    var overlap: String?
    var problems: [String]
}

extension Violation {
    /// A line for each step, then one for each problem. Writers are called A, B, C, D.
    var lines: [String] {
        var lines = Self.lines(trace).lines
        if let overlap { lines.append(overlap) }
        return lines.enumerated().map { "  \($0 + 1). \($1)" } + problems.map { "  WRONG: \($0)" }
    }

    /// A line for each step, and the writers' names at the end.
    static func lines(_ trace: [TraceStep]) -> (lines: [String], names: [String]) {
        var names = Self.names(trace.first?.world.writers.count ?? 8)
        var lines: [String] = []
        for step in trace {
            lines.append(line(step, names))
            names = step.order.map { names[$0] }
        }
        return (lines, names)
    }

    /// The names of writers.
    static func names(_ count: Int) -> [String] { "ABCDEFGH".prefix(count).map(String.init) }

    private static func line(_ step: TraceStep, _ names: [String]) -> String {
        let text = step.step.call.description(names, in: step.world)
        let answer = step.reply.description
        return text + (answer.isEmpty ? "" : ": \(answer)") + (step.step.isReplyLost ? " (but the reply is lost)" : "")
    }
}

extension Call {
    /// What happens, in words.
    func description(_ names: [String], in world: World) -> String {
        let name = writer.map { names[$0] } ?? ""
        switch self {
        case .claim: return "\(name) claims"
        case .heartbeat: return "\(name) sends a heartbeat"
        case .checkpoint: return "\(name) saves a checkpoint"
        case .finish(_, let requests): return "\(name) finishes \(requests.map(\.description).joined(separator: " "))"
        case .fail(_, let request, let isPermanent):
            return "\(name) fails \(request)\(isPermanent ? " for good" : "")"
        case .release: return "\(name) releases its lease"
        case .die: return "\(name) dies, and starts again"
        case .expire(let token):
            let holder = world.writers.firstIndex { $0.token == token }.map { names[$0] } ?? "a dead worker"
            return "the time of \(holder)'s lease runs out"
        case .wait: return "the pauses of segments end"
        case .reap: return "somebody reaps"
        case .pause(let batch): return "batch \(batch) is paused"
        case .resume(let batch): return "batch \(batch) is resumed"
        case .cancel(let batch): return "batch \(batch) is cancelled"
        case .clear(let batch): return "the segments of batch \(batch) are removed"
        case .retry(let batch): return "what failed of batch \(batch) is retried"
        }
    }
}

extension Reply: CustomStringConvertible {
    var description: String {
        switch self {
        case .claimed(_, let requests): "leased \(requests.map(\.description).joined(separator: " "))"
        case .nothing, .rows: ""
        case .stands(let isStanding): isStanding ? "renewed" : "fenced"
        case .finished(let accepted, let already, let isFenced):
            isFenced ? "fenced" : "\(accepted) stored now, \(already) before"
        case .failed(let retried, let failed, let isFenced):
            isFenced ? "fenced" : "\(retried) to be tried again, \(failed) for good"
        case .count(let count): "\(count)"
        }
    }
}
