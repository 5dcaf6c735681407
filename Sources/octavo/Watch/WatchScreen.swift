import OctavoCore
package import OctavoQueue

/// What `status --watch` shows at one moment. Drawing it is a pure function of it and the terminal's size.
package struct WatchScreen: Sendable {
    /// A sample of what is being written.
    package struct Answer: Sendable, Hashable {
        var customID: String
        var text: String

        package init(customID: String, text: String) {
            self.customID = customID
            self.text = text
        }

        /// The first choice of a response.
        init(_ answer: LatestAnswer) {
            let choice = (try? JSONValue.parse(answer.body))?["choices"]?.arrayValue?.first
            let message = choice?["message"]
            let text = choice?["text"]?.stringValue ?? message?["content"]?.stringValue
            self.init(
                customID: answer.customID, text: text ?? message?["tool_calls"].map { "calls \($0.jsonText)" } ?? "")
        }
    }

    /// A batch, and what is left of it.
    package struct Batch: Sendable {
        var status: BatchStatus
        var secondsLeft: Double?

        package init(_ status: BatchStatus, secondsLeft: Double?) {
            self.status = status
            self.secondsLeft = secondsLeft
        }
    }

    /// A worker, and whose requests it holds.
    package struct Worker: Sendable {
        var status: WorkerStatus
        var batches: [Int64]

        package init(_ status: WorkerStatus, batches: [Int64]) {
            self.status = status
            self.batches = batches
        }
    }

    var batches: [Batch]
    var workers: [Worker]
    /// Newest first.
    var answers: [Answer]

    package init(batches: [Batch], workers: [Worker], answers: [Answer]) {
        self.batches = batches
        self.workers = workers
        self.answers = answers
    }

    /// The lines of a terminal of that size: at most `height`, none wider than `width`.
    package func lines(width: Int, height: Int) -> [String] {
        let header = DisplayText.pad("octavo status", max(0, width - 7)) + "q quits"
        var sections = [batchLines(width, atMost: max(1, (height - 2) / 5))]
        sections.append(workerLines(atMost: max(1, height / 6)))
        sections.append(failureLines(atMost: 3))
        let used = sections.reduce(1) { $0 + ($1.isEmpty ? 0 : $1.count + 1) }
        sections.append(answerLines(width, atMost: height - used - 2))
        var lines = [header]
        for section in sections where !section.isEmpty { lines += [""] + section }
        return lines.prefix(height).map { DisplayText.fit($0, width) }
    }
}

// MARK: - Batches

extension WatchScreen {
    private func batchLines(_ width: Int, atMost count: Int) -> [String] {
        guard !batches.isEmpty else { return ["no batches; octavo enqueue FILE makes one"] }
        let ordered = batches.sorted { left, right in
            let (left, right) = (left.status.summary, right.status.summary)
            return (Self.rank(left.state), -left.id) < (Self.rank(right.state), -right.id)
        }
        var lines = ordered.prefix(count).flatMap { self.lines(of: $0, width) }
        if ordered.count > count { lines.append("and \(Format.count(ordered.count - count)) more batches") }
        return lines
    }

    /// What is worked on comes first, what has ended last.
    private static func rank(_ state: BatchState) -> Int {
        switch state {
        case .active: 0
        case .loading, .paused: 1
        default: 2
        }
    }

    private func lines(of batch: Batch, _ width: Int) -> [String] {
        let (status, summary) = (batch.status, batch.status.summary)
        let ended = summary.done + summary.failed
        let share = summary.total == 0 ? 1 : Double(ended) / Double(summary.total)
        let name = "batch \(summary.id)  \(DisplayText.clean(summary.name))  \(summary.state.name)"
        var parts = [
            Format.percent(ended, of: summary.total), "\(Format.count(ended))/\(Format.count(summary.total))",
        ]
        if summary.failed > 0 { parts.append("\(Format.count(summary.failed)) failed") }
        if summary.state == .active { parts.append("\(Format.decimal(status.tokensPerSecond, places: 0)) tokens/s") }
        if let left = batch.secondsLeft { parts.append("\(Format.duration(left)) left") }
        let bar = Self.bar(share, cells: max(8, min(40, width / 3)))
        return [name, "  \(bar)  \(parts.joined(separator: "  "))"]
    }

    /// A bar of full and empty cells.
    private static func bar(_ share: Double, cells: Int) -> String {
        // Full only when all is done.
        let full = min(cells, Int(share * Double(cells)))
        return String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
    }
}

// MARK: - Workers, failures, answers

extension WatchScreen {
    private func workerLines(atMost count: Int) -> [String] {
        guard !workers.isEmpty else { return ["no workers"] }
        let cells: [[String]] = workers.prefix(count).map { worker in
            let batches = worker.batches.map(String.init).joined(separator: ", ")
            return [
                DisplayText.fit(DisplayText.clean(worker.status.name), 32),
                batches.isEmpty ? "idle" : "batch \(batches)",
                "\(Format.count(worker.status.currentRequests)) rows",
                "\(Format.decimal(worker.status.tokensPerSecond)) tokens/s",
                "seen \(Format.duration(worker.status.secondsSinceSeen)) ago",
            ]
        }
        var lines = ["workers"] + Self.table(cells)
        if workers.count > count { lines.append("  and \(Format.count(workers.count - count)) more") }
        return lines
    }

    private func failureLines(atMost count: Int) -> [String] {
        let kinds: [(batch: Int64, kind: BatchStatus.FailureKind)] = batches.flatMap { batch in
            batch.status.failureKinds.map { (batch.status.summary.id, $0) }
        }
        guard !kinds.isEmpty else { return [] }
        let ranked = kinds.sorted { left, right in
            if left.kind.count != right.kind.count { return left.kind.count > right.kind.count }
            return left.kind.kind < right.kind.kind
        }
        let cells: [[String]] = ranked.prefix(count).map { batch, kind in
            [Format.count(kind.count), DisplayText.clean(kind.kind), "batch \(batch)", Self.message(of: kind)]
        }
        return ["failures"] + Self.table(cells)
    }

    private static func message(of kind: BatchStatus.FailureKind) -> String {
        DisplayText.clean((try? JSONValue.parse(kind.example))?["message"]?.stringValue ?? kind.example)
    }

    private func answerLines(_ width: Int, atMost count: Int) -> [String] {
        guard !answers.isEmpty, count > 1 else { return [] }
        let cells: [[String]] = answers.prefix(count - 1).map { answer in
            [DisplayText.fit(DisplayText.clean(answer.customID), max(8, width / 4)), DisplayText.clean(answer.text)]
        }
        return ["latest answers"] + Self.table(cells)
    }

    /// Rows of aligned columns, indented.
    private static func table(_ rows: [[String]]) -> [String] {
        var widths: [Int] = []
        for row in rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], DisplayText.width(of: cell))
            }
        }
        return rows.map { row in
            let padded = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : DisplayText.pad(cell, widths[column])
            }
            return "  " + padded.joined(separator: "  ")
        }
    }
}
