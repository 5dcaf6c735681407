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
        var reader = BatchFileReader(files, from: survey.windows[first].start)
        let totalBytes = files.reduce(0) { $0 + $1.size }
        let rows = try rows(of: files)
        do {
            try await withThrowingTaskGroup(of: WindowAssembler.Loadable.self) { loading in
                func finishLoading() async throws {
                    guard let window = try await loading.next() else { return }
                    progress(
                        EnqueueProgress(
                            stage: .loading, bytes: window.end.totalBytes, totalBytes: totalBytes,
                            rows: window.rowsBefore + window.rows.count))
                }
                let rereading = Rereading(survey, validator: validator, rows: rows)
                try await OrderedLines.map(&reader, rereading.reread) { block in
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
    /// The requests of a line that is to be loaded; none if it does not stand for so many any more, either.
    var requests: [RereadRequest]
}

/// Reads again the lines that the first reading accepted, and checks of them only what it takes.
private struct Rereading: Sendable {
    private let promptTokens: [Int32]
    private let requestsPerLine: Int
    private let validator: RequestValidator
    private let rows: JobRows?

    init(_ survey: BatchSurvey, validator: RequestValidator, rows: JobRows?) {
        promptTokens = survey.promptTokens
        requestsPerLine = survey.requestsPerLine
        self.validator = validator
        self.rows = rows
    }

    func reread(_ line: BatchFileReader.Line) -> RereadLine {
        // The requests of a line are accepted together.
        let first = (line.ordinal - 1) * requestsPerLine
        let isWanted = first < promptTokens.count && promptTokens[first] != BatchSurvey.refused
        guard isWanted, let requests = try? requests(of: line), requests.count == requestsPerLine else {
            return RereadLine(line: line, requests: [])
        }
        return RereadLine(line: line, requests: requests)
    }

    private func requests(of line: BatchFileReader.Line) throws(BatchFileError) -> [RereadRequest] {
        if let rows { try rows.reread(line) } else { [try validator.reread(line)] }
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
        for (index, request) in reread.requests.enumerated() {
            let number = JobRows.requestNumber(line: line.ordinal, index, of: reread.requests.count)
            rows.append(
                RequestRow(
                    line: number, promptTokens: Int(survey.promptTokens[number - 1]),
                    maximumNewTokens: Int(survey.newTokens[number - 1]), customID: request.customID,
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
