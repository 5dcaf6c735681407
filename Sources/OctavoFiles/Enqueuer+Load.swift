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

    /// Reads the windows that are missing for the second time and loads them.
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
        var reader = BatchFileReader(files, from: survey.windows[first].start)
        let totalBytes = files.reduce(0) { $0 + $1.size }
        let inspector = LineInspector(validator: validator, counting: .none)
        do {
            try await inspector.inspect(&reader) { block in
                for line in block {
                    guard let window = try assembler.add(line, contextLength: encoder?.contextLength) else { continue }
                    try await queue.load(
                        window.rows, into: load.id, expectedRows: window.rowsBefore, loadedBytes: window.end.totalBytes)
                    progress(
                        EnqueueProgress(
                            stage: .loading, bytes: window.end.totalBytes, totalBytes: totalBytes,
                            rows: window.rowsBefore + window.rows.count))
                    if assembler.isFinished { return false }
                }
                return true
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

/// Puts the lines of the second reading together to the windows that the first one laid out.
private struct WindowAssembler {
    /// A window whose lines are those of the first reading.
    struct Loadable {
        var rows: [RequestRow]
        var rowsBefore: Int
        var end: BatchFileReader.Position
    }

    private let survey: BatchSurvey
    private var window: Int
    private var rows: [RequestRow] = []
    private var wellFormed = 0
    private var hash = LineHash()

    init(survey: BatchSurvey, window: Int) {
        self.survey = survey
        self.window = window
    }

    /// Whether all windows are complete.
    var isFinished: Bool { window == survey.windows.count }

    /// Takes in the next line; returns the window that it completes, if any.
    mutating func add(_ inspected: InspectedLine, contextLength: Int?) throws -> Loadable? {
        let expected = survey.windows[window]
        hash.update(inspected.line)
        if case .request(let measured) = inspected.outcome {
            try add(measured.request, inspected.line, expected, contextLength: contextLength)
        }
        guard inspected.line.end.totalBytes >= expected.end.totalBytes else { return nil }
        guard inspected.line.end == expected.end, hash.finalize() == expected.digest, rows.count == expected.rows else {
            throw FileChanged()
        }
        defer {
            window += 1
            rows = []
            wellFormed = 0
            hash = LineHash()
        }
        return Loadable(rows: rows, rowsBefore: expected.rowsBefore, end: expected.end)
    }

    private mutating func add(
        _ request: ValidatedRequest, _ line: BatchFileReader.Line, _ expected: BatchSurvey.Window, contextLength: Int?
    ) throws {
        let index = expected.wellFormedBefore + wellFormed
        guard index < survey.promptTokens.count else { throw FileChanged() }
        wellFormed += 1
        guard survey.promptTokens[index] != BatchSurvey.refused else { return }
        let promptTokens = Int(survey.promptTokens[index])
        rows.append(
            RequestRow(
                line: line.ordinal, promptTokens: promptTokens,
                maximumNewTokens: request.request.newTokens(promptTokens: promptTokens, contextLength: contextLength),
                customID: request.customID, body: request.body))
    }
}
