internal import OctavoCore
internal import OctavoQueue

/// A format whose lines hold an answer each, beside what it answers.
protocol SampleFormat: Sendable {
    /// The members that the line has because of the format; `SampleLineWriter` adds those that all formats have.
    ///
    /// - Throws: `UnsuitableSample` for what the format cannot express.
    func members(of sample: Sample) throws(UnsuitableSample) -> JSONObject
}

/// Writes a line for every answer: `custom_id`, `sample` if the request asked for several, the format's own members, and
/// the `tools` that were offered.
struct SampleLineWriter<Format: SampleFormat>: LineWriter {
    /// The form of the lines.
    var format: Format
    /// The batch's settings.
    var defaults: JSONObject
    /// Whether answers that were cut off are left out.
    var onlyComplete: Bool

    var needsRequestBodies: Bool { true }

    func append(_ answered: AnsweredRequest, to bytes: inout [UInt8]) throws(RowProblem) -> WrittenLines {
        let exchange = try StoredExchange(
            request: answered.row.body, response: answered.response, defaults: defaults)
        let samples = try Sample.all(of: exchange)
        var written = WrittenLines()
        for sample in samples {
            if onlyComplete, sample.isCutOff {
                written.cutOff += 1
                continue
            }
            do {
                let members = try format.members(of: sample)
                SampleLine.append(members, of: sample, customID: answered.row.customID, to: &bytes)
                written.lines += 1
            } catch {
                written.unsuitable = error.reason
            }
        }
        return written
    }
}

/// The line of a sample.
enum SampleLine {
    /// Appends a format's members, and those that all formats have, as one line.
    static func append(_ members: JSONObject, of sample: Sample, customID: String, to bytes: inout [UInt8]) {
        var line: JSONObject = ["custom_id": .string(customID)]
        line["sample"] = sample.index.map(JSONValue.integer)
        for member in members.members { line[member.key] = member.value }
        // As text: schemas of several tools have no common type, which a column of a data set needs.
        line["tools"] = sample.tools.map { .string($0.jsonText) }
        JSONValue.object(line).write(to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }
}
