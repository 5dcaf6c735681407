internal import Crypto
internal import OctavoCore

/// What one reading of all lines has found: enough to load them on a second reading without counting tokens again, and
/// to notice if the files have changed in between.
struct BatchSurvey {
    /// A stretch of lines with at least one request, loaded in one transaction.
    struct Window {
        var start: BatchFileReader.Position
        var end: BatchFileReader.Position
        /// Requests in earlier windows.
        var rowsBefore: Int
        /// Requests in this window.
        var rows: Int
        /// Of the bytes of its lines.
        var digest: LineHash.Digest
    }

    /// A window ends at these many bytes of input even if it has few rows: it is held in memory.
    static let windowBytes: Int64 = 64 << 20
    /// How many unknown members are named.
    static let maximumUnknownMembers = 20
    /// Stands in `promptTokens` for a request that is not loaded: its line was refused, or has none.
    static let refused: Int32 = -1

    private(set) var windows: [Window] = []
    /// For each request by its number, the tokens of its prompts, or `refused`.
    private(set) var promptTokens: [Int32] = []
    /// For each request by its number, the most tokens that may be generated for it.
    private(set) var newTokens: [Int32] = []
    var errors = BatchFileErrors()
    private(set) var rows = 0
    private(set) var blankLines = 0
    /// Members of bodies that nobody knows: enough of them to be named in a warning.
    private(set) var unknownMembers: Set<String> = []
    private(set) var totalPromptTokens = 0
    private(set) var totalNewTokens = 0
    /// Tokens of prompts that need not be computed; nil unless that was asked for.
    var sharedTokens: Int? { beginnings?.tokens }
    /// The SHA-256 of each file.
    private(set) var fileDigests: [String] = []

    private let windowRows: Int
    /// How many requests each line stands for.
    let requestsPerLine: Int
    private let contextLength: Int?
    private let errorLog: InvalidLineLog?
    private var ids = CustomIDIndex()
    private var beginnings: SharedBeginnings?
    private var fileStarts: [(name: String, earlierLines: Int)] = []
    private var refusedLines = SHA256()
    private var current = Window.Partial(start: .init())

    /// - Parameter blockLength: of the cache's blocks, to count what prompts share.
    init(
        windowRows: Int, requestsPerLine: Int = 1, contextLength: Int?, blockLength: Int? = nil,
        errorLog: InvalidLineLog?
    ) {
        self.windowRows = windowRows
        self.requestsPerLine = requestsPerLine
        self.contextLength = contextLength
        self.errorLog = errorLog
        beginnings = blockLength.map(SharedBeginnings.init)
    }

    /// Identifies the lines that were refused.
    var refusedDigest: String { hexadecimal(refusedLines.finalize()) }

    /// The sizes of the requests: of all, or of a large batch's at even distances.
    ///
    /// - Returns: the sizes, and how many requests each stands for.
    func sizes(atMost count: Int) -> (requests: [ObservedRequest], scale: Double) {
        let distance = max(1, (rows + count - 1) / count)
        var requests: [ObservedRequest] = []
        var seen = 0
        for place in promptTokens.indices where promptTokens[place] != Self.refused {
            if seen % distance == 0 {
                requests.append(
                    ObservedRequest(promptTokens: Int(promptTokens[place]), limit: Int(newTokens[place])))
            }
            seen += 1
        }
        return (requests, requests.isEmpty ? 1 : Double(seen) / Double(requests.count))
    }

    /// Takes in the next line.
    mutating func add(_ inspected: InspectedLine) throws(BatchFileError) {
        let line = inspected.line
        if fileStarts.count <= line.end.file { fileStarts.append((line.file, line.end.earlierLines)) }
        current.hash.update(line)
        current.end = line.end
        // A record of CSV may have taken several lines.
        fillUp(toLine: line.ordinal - 1)
        switch inspected.outcome {
        case .blank: blankLines += 1
        case .header: break
        case .malformed(let error): try refuse(line, error)
        case .requests(let requests): try add(requests, line)
        }
        fillUp(toLine: line.ordinal)
        let bytes = current.end.totalBytes - current.start.totalBytes
        // The requests of a line are never parted.
        let isFull = current.rows + requestsPerLine > windowRows
        if current.rows > 0, isFull || bytes >= Self.windowBytes { closeWindow() }
    }

    /// Ends the last window, after the last line.
    mutating func finish(fileDigests: [String]) {
        if current.rows > 0 { closeWindow() }
        self.fileDigests = fileDigests
    }

    /// Takes in the requests of a line, all or none of them.
    private mutating func add(_ requests: [MeasuredRequest], _ line: BatchFileReader.Line) throws(BatchFileError) {
        do throws(BatchFileError) {
            for (index, measured) in requests.enumerated() {
                let number = JobRows.requestNumber(line: line.ordinal, index, of: requests.count)
                if let earlier = ids.insert(measured.fingerprint, line: number) {
                    let earlierLine = (earlier - 1) / requestsPerLine + 1
                    throw duplicate(measured.request.customID, line, earlier: earlierLine)
                }
                _ = try measured.promptTokens.get()
            }
            for measured in requests {
                add(measured.request, promptTokens: try measured.promptTokens.get())
                for blocks in measured.sharedBlocks { beginnings?.add(blocks) }
            }
        } catch {
            try refuse(line, error)
        }
    }

    private mutating func add(_ request: ValidatedRequest, promptTokens tokens: Int) {
        let newTokens = request.request.newTokens(promptTokens: tokens, contextLength: contextLength)
        self.promptTokens.append(Int32(tokens))
        self.newTokens.append(Int32(newTokens))
        totalPromptTokens += tokens
        totalNewTokens += newTokens
        for name in request.unknownMembers where unknownMembers.count < Self.maximumUnknownMembers {
            unknownMembers.insert(name)
        }
        rows += 1
        current.rows += 1
    }

    /// Gives all requests that these lines could have been, and were not, their places.
    private mutating func fillUp(toLine ordinal: Int) {
        let missing = ordinal * requestsPerLine - promptTokens.count
        guard missing > 0 else { return }
        promptTokens.append(contentsOf: repeatElement(Self.refused, count: missing))
        newTokens.append(contentsOf: repeatElement(0, count: missing))
    }

    private mutating func refuse(_ line: BatchFileReader.Line, _ error: BatchFileError) throws(BatchFileError) {
        errors.append(error)
        refusedLines.update(data: Array("\(line.ordinal),".utf8))
        try errorLog?.append(error)
    }

    private func duplicate(_ customID: String, _ line: BatchFileReader.Line, earlier: Int) -> BatchFileError {
        let start = fileStarts.last { $0.earlierLines < earlier }
        let file = start.map { $0.name == line.file ? "" : " of \($0.name)" } ?? ""
        return BatchFileError(
            file: line.file, line: line.number, field: "custom_id",
            reason: "\(quoted(customID)) is already on line \(earlier - (start?.earlierLines ?? 0))\(file)",
            remedy: "Give every request of a batch its own custom_id.")
    }

    private mutating func closeWindow() {
        windows.append(
            Window(
                start: current.start, end: current.end, rowsBefore: rows - current.rows, rows: current.rows,
                digest: current.hash.finalize()))
        current = Window.Partial(start: current.end)
    }
}

extension BatchSurvey.Window {
    /// A window whose end has not come yet.
    fileprivate struct Partial {
        var start: BatchFileReader.Position
        var end: BatchFileReader.Position
        var rows = 0
        var hash = LineHash()

        init(start: BatchFileReader.Position) {
            self.start = start
            end = start
        }
    }
}

/// A hash over lines, to see that the second reading reads what the first one read.
struct LineHash {
    typealias Digest = SHA256.Digest

    private var hash = SHA256()

    mutating func update(_ line: BatchFileReader.Line) {
        hash.update(data: line.bytes)
        hash.update(data: [UInt8(ascii: "\n")])
    }

    func finalize() -> Digest { hash.finalize() }
}
