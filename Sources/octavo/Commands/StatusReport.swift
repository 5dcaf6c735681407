import OctavoCore
import OctavoQueue

/// Status for people and for machines.
enum StatusReport {
    static func text(
        _ batches: [BatchStatus], _ workers: [WorkerStatus], secondsLeft: [Int64: Double]
    ) -> String {
        var lines: [String] = []
        if batches.isEmpty { lines.append("no batches; octavo enqueue FILE makes one") }
        for status in batches {
            let summary = status.summary
            let line = ProgressReporter.line(status, secondsLeft: secondsLeft[summary.id])
            lines.append("batch \(summary.id) \(summary.state.name): \(line)")
            let reused = summary.reused > 0 ? " (\(Format.count(summary.reused)) copied from identical requests)" : ""
            lines.append(
                "  \(Format.count(summary.done)) finished\(reused), \(Format.count(summary.failed)) failed, "
                    + "\(Format.count(status.leased)) leased, \(Format.count(status.retrying)) to retry; "
                    + "\(Format.count(Int(summary.promptTokens))) prompt tokens, "
                    + "\(Format.count(Int(summary.completionTokens))) new tokens; model \(summary.model ?? "any")")
            for kind in status.failureKinds {
                lines.append("  failed (\(kind.kind)): \(Format.count(kind.count)), for instance \(kind.example)")
            }
        }
        for worker in workers {
            lines.append(
                "worker \(worker.name): \(worker.models.first ?? "?"), \(worker.currentRequests) requests, "
                    + "\(Format.decimal(worker.tokensPerSecond)) tokens/s, seen \(Format.duration(worker.secondsSinceSeen)) ago"
            )
        }
        return lines.joined(separator: "\n")
    }

    static func json(
        _ batches: [BatchStatus], _ workers: [WorkerStatus], secondsLeft: [Int64: Double]
    ) -> JSONValue {
        let batches = batches.map { json($0, secondsLeft: secondsLeft[$0.summary.id]) }
        return ["batches": .array(batches), "workers": .array(workers.map(json))]
    }

    private static func json(_ status: BatchStatus, secondsLeft left: Double?) -> JSONValue {
        let summary = status.summary
        return [
            "id": .integer(Int(summary.id)), "name": .string(summary.name), "state": .string(summary.state.name),
            "model": summary.model.map(JSONValue.string) ?? .null, "source": .string(summary.source),
            "priority": .integer(summary.priority), "weight": .integer(summary.weight),
            "total": .integer(summary.total),
            "finished": .integer(summary.done), "reused": .integer(summary.reused),
            "failed": .integer(summary.failed), "leased": .integer(status.leased),
            "retrying": .integer(status.retrying), "prompt_tokens": .integer(Int(summary.promptTokens)),
            "completion_tokens": .integer(Int(summary.completionTokens)),
            "requests_per_second": .double(status.requestsPerSecond),
            "tokens_per_second": .double(status.tokensPerSecond),
            "seconds_left": left.map(JSONValue.double) ?? .null, "created_at": .double(summary.createdAt),
            "started_at": summary.startedAt.map(JSONValue.double) ?? .null,
            "completed_at": summary.completedAt.map(JSONValue.double) ?? .null,
            "deadline_at": summary.deadlineAt.map(JSONValue.double) ?? .null,
            "failures": .array(
                status.failureKinds.map { kind in
                    let example = (try? JSONValue.parse(kind.example)) ?? .string(kind.example)
                    return ["kind": .string(kind.kind), "count": .integer(kind.count), "example": example]
                }),
        ]
    }

    private static func json(_ worker: WorkerStatus) -> JSONValue {
        [
            "name": .string(worker.name), "host": .string(worker.host), "pid": .integer(worker.processID),
            "models": .array(worker.models.map(JSONValue.string)), "fingerprint": .string(worker.fingerprint),
            "program": .string(worker.program),
            "started_at": .double(worker.startedAt), "seconds_since_seen": .double(worker.secondsSinceSeen),
            "tokens_per_second": .double(worker.tokensPerSecond), "requests": .integer(worker.currentRequests),
        ]
    }
}
