internal import OctavoCore
internal import OctavoQueue

extension Enqueuer {
    /// Loads what is not loaded yet, and activates the batch.
    ///
    /// Several processes may load one batch at once: every window is loaded by whoever is first, and the others go on
    /// behind it.
    func load(
        _ files: [InputFile], _ survey: BatchSurvey, as batch: NewBatch, into queue: Queue,
        result: inout EnqueueResult
    ) async throws {
        var load = try await queue.attach(batch)
        result.isNew = load.isNew
        result.resumedRows = load.state == .loading ? load.loadedRows : 0
        while load.state == .loading {
            do {
                try await loadWindows(files, survey, from: load, into: queue)
                try await queue.activate(load.id, total: survey.rows)
            } catch QueueError.loadedElsewhere, QueueError.notLoading {
                // Another process with the same files is ahead; go on where it is now.
            }
            load = try await queue.attach(batch)
        }
        guard load.state != .deleting else { throw QueueError.notLoading(batch: load.id, state: load.state) }
        result.batchID = load.id
        result.state = load.state
    }

    /// Reads the windows that are missing for the second time and loads them, each while the next is read.
    private func loadWindows(
        _ files: [InputFile], _ survey: BatchSurvey, from load: BatchLoad, into queue: Queue
    ) async throws {
        guard load.loadedRows < survey.rows else { return }
        guard let first = survey.windows.firstIndex(where: { $0.rowsBefore == load.loadedRows }),
            survey.windows[first].start.totalBytes == load.loadedBytes
        else {
            throw BatchFileError(
                file: source, reason: "batch \(load.id) was partly loaded by another version of Octavo",
                remedy: "Delete the batch with \"octavo delete \(load.id)\", then run this command again.")
        }
        var assembler = WindowAssembler(survey: survey, window: first)
        let promptTokens = survey.promptTokens
        var reader = BatchFileReader(files, from: survey.windows[first].start)
        let totalBytes = files.reduce(0) { $0 + $1.size }
        do {
            try await withThrowingTaskGroup(of: WindowAssembler.Loadable.self) { loading in
                func finishLoading() async throws {
                    guard let window = try await loading.next() else { return }
                    progress(
                        EnqueueProgress(
                            stage: .loading, bytes: window.end.totalBytes, totalBytes: totalBytes,
                            rows: window.rowsBefore + window.rows.count))
                }
                try await OrderedLines.map(&reader, { [validator] in RereadLine($0, promptTokens, validator) }) {
                    block in
                    for line in block {
                        guard let window = try assembler.add(line) else { continue }
                        try await finishLoading()
                        loading.addTask {
                            try await queue.load(
                                window.rows, into: load.id, expectedRows: window.rowsBefore,
                                loadedBytes: window.end.totalBytes)
                            return window
                        }
                        if assembler.isFinished { return false }
                    }
                    return true
                }
                try await finishLoading()
            }
            guard assembler.isFinished else { throw FileChanged() }
        } catch is FileChanged {
            try await queue.discard(load.id)
            throw BatchFileError(
                file: source, reason: "changed while it was read",
                remedy: "Nothing was queued. Run the command again when the file is complete.")
        }
    }
}

/// Signals that the second reading saw other bytes than the first.
private struct FileChanged: Error {}

/// A line of the second reading.
private struct RereadLine: Sendable {
    var line: BatchFileReader.Line
    /// The request's name and body, of a line that is to be loaded; nil if it is no request any more, either.
    var request: (customID: String, body: [UInt8])?

    /// - Parameter promptTokens: what the first reading found for each line.
    init(_ line: BatchFileReader.Line, _ promptTokens: [Int32], _ validator: RequestValidator) {
        self.line = line
        let isWanted = line.ordinal <= promptTokens.count && promptTokens[line.ordinal - 1] != BatchSurvey.refused
        request = isWanted ? try? validator.reread(line) : nil
    }
}

/// Puts the lines of the second reading together to the windows that the first one laid out.
private struct WindowAssembler {
    /// A window whose lines are those of the first reading.
    struct Loadable: Sendable {
        var rows: [RequestRow]
        var rowsBefore: Int
        var end: BatchFileReader.Position
    }

    private let survey: BatchSurvey
    private var window: Int
    private var rows: [RequestRow] = []
    private var hash = LineHash()

    init(survey: BatchSurvey, window: Int) {
        self.survey = survey
        self.window = window
    }

    /// Whether all windows are complete.
    var isFinished: Bool { window == survey.windows.count }

    /// Takes in the next line; returns the window that it completes, if any.
    ///
    /// - Throws: `FileChanged` when a window turns out not to be what it was.
    mutating func add(_ reread: RereadLine) throws -> Loadable? {
        let expected = survey.windows[window]
        let line = reread.line
        hash.update(line)
        if let request = reread.request {
            rows.append(
                RequestRow(
                    line: line.ordinal, promptTokens: Int(survey.promptTokens[line.ordinal - 1]),
                    maximumNewTokens: Int(survey.newTokens[line.ordinal - 1]), customID: request.customID,
                    body: request.body))
        }
        guard line.end.totalBytes >= expected.end.totalBytes else { return nil }
        guard line.end == expected.end, hash.finalize() == expected.digest, rows.count == expected.rows else {
            throw FileChanged()
        }
        defer {
            window += 1
            rows = []
            hash = LineHash()
        }
        return Loadable(rows: rows, rowsBefore: expected.rowsBefore, end: expected.end)
    }
}
