internal import OctavoQueue

/// A format of the output file: what lines a finished request becomes.
///
/// A format whose lines hold an answer each, beside what it answers, is a `SampleFormat`, which is simpler.
protocol LineWriter {
    /// Whether the requests' own bodies must be read: an export that needs none is faster.
    var needsRequestBodies: Bool { get }
    /// What comes before the first line; most formats have nothing.
    var header: [UInt8] { get }
    /// What was left out so far by conditions of the user's own, by condition.
    var dropped: [ExportResult.Dropped] { get }

    /// Appends the lines of a request.
    ///
    /// - Throws: `RowProblem`, appending nothing.
    mutating func append(_ answered: AnsweredRequest, to bytes: inout [UInt8]) throws(RowProblem) -> WrittenLines

    /// How many files it wrote beside the lines.
    var shardCount: Int { get }
    /// Writes the file beside the lines that is due, if one is, and appends the lines that waited for it.
    ///
    /// - Parameter isLast: whether no request follows.
    mutating func settle(isLast: Bool, to bytes: inout [UInt8]) throws(BatchFileError)
    /// Keeps the files beside the lines, since the lines stand; otherwise they are gone with the writer.
    func commit()
}

extension LineWriter {
    var header: [UInt8] { [] }
    var dropped: [ExportResult.Dropped] { [] }
    var shardCount: Int { 0 }
    func settle(isLast: Bool, to bytes: inout [UInt8]) {}
    func commit() {}
}

/// A finished request as a format gets it.
struct AnsweredRequest: Sendable {
    /// Its line and name, and its own body if the format needs that.
    var row: ExportRow
    /// The response's JSON, without `id` and `created`.
    var response: String
    /// In whole seconds since 1970.
    var finishedAt: Int64
    /// The request of the same name in the batch of rejected answers, if there is such a batch and it has an answer.
    var rejected: StoredAnswer?
}

/// What became of a request in the output.
struct WrittenLines: Hashable {
    /// Lines that were written.
    var lines = 0
    /// Answers that were left out because they are cut off.
    var cutOff = 0
    /// Pairs that were left out because both answers are the same.
    var identical = 0
    /// Whether the batch of rejected answers has none for it.
    var isUnpaired = false
    /// Why the format cannot express one of its answers, which was left out; a phrase that begins with a verb.
    var unsuitable: String?
}

/// Why a finished request has no line.
enum RowProblem: Error {
    /// What is stored is no request or no response.
    case malformed
    /// No format for training can express it.
    case unsuitable(UnsuitableSample)
}

/// Why a format cannot express an answer.
struct UnsuitableSample: Error {
    /// A phrase about the request that begins with a verb.
    var reason: String

    init(_ reason: String) { self.reason = reason }
}
