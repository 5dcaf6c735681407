internal import OctavoCore

/// What became of one line of input.
struct InspectedLine: Sendable {
    /// The verdict on a line.
    enum Outcome: Sendable {
        /// Nothing but white space.
        case blank
        /// Not a request.
        case malformed(BatchFileError)
        /// The header of a file of CSV.
        case header
        /// The requests that it stands for: one, or as many as a recipe makes of a row.
        case requests([MeasuredRequest])
    }

    var line: BatchFileReader.Line
    var outcome: Outcome
}

/// A request with its size.
struct MeasuredRequest: Sendable {
    var request: ValidatedRequest
    var fingerprint: CustomIDFingerprint
    /// The tokens of all its prompts, or why the model cannot answer it.
    var promptTokens: Result<Int, BatchFileError>
    /// The blocks of each prompt that others may begin with, too; none unless they are asked for.
    var sharedBlocks: [[UInt64]] = []
}

/// Validates lines and counts their tokens, on all cores and in order.
struct LineInspector: Sendable {
    /// How tokens are counted.
    enum Counting: Sendable {
        /// UTF-8 bytes stand for tokens.
        case bytes
        /// By the model's own tokenizer.
        case tokens(any PromptEncoding)
    }

    var validator: RequestValidator
    /// Makes requests of rows; without it lines are requests.
    var rows: JobRows?
    var counting: Counting
    /// The length of the blocks that prompts share, if what they share is asked for.
    var blockLength: Int?

    /// Inspects the lines that `reader` gives, and hands them on in blocks, in order.
    ///
    /// - Parameter consume: called with one block at a time; returns whether to go on.
    /// - Throws: what reading or `consume` throws.
    func inspect(
        _ reader: inout BatchFileReader, consume: ([InspectedLine]) async throws -> Bool
    ) async throws {
        try await OrderedLines.map(&reader, inspect, consume: consume)
    }

    private func inspect(_ line: BatchFileReader.Line) -> InspectedLine {
        guard !line.isBlank else { return InspectedLine(line: line, outcome: .blank) }
        if let rows, rows.isHeader(line) { return InspectedLine(line: line, outcome: .header) }
        do throws(BatchFileError) {
            let requests =
                if let rows { try rows.requests(of: line, by: validator) } else { [try validator.validate(line)] }
            return InspectedLine(line: line, outcome: .requests(requests.map { measure($0, of: line) }))
        } catch {
            return InspectedLine(line: line, outcome: .malformed(error))
        }
    }

    private func measure(_ request: ValidatedRequest, of line: BatchFileReader.Line) -> MeasuredRequest {
        var measured = MeasuredRequest(
            request: request, fingerprint: CustomIDFingerprint(request.customID),
            promptTokens: .success(request.request.promptBytes))
        guard case .tokens(let encoder) = counting else { return measured }
        do {
            let prompts = try request.request.checkedPrompts(by: encoder)
            measured.promptTokens = .success(prompts.reduce(0) { $0 + $1.count })
            if let blockLength {
                let isScored = request.request.sampling.promptLogprobs != nil
                measured.sharedBlocks = prompts.map {
                    SharedBeginnings.blocks(of: $0, length: blockLength, isScored: isScored)
                }
            }
        } catch {
            measured.promptTokens = .failure(BatchFileError(LineProblem(error, at: request.bodyPath), in: line))
        }
        return measured
    }
}

// MARK: - Sizes

extension RequestBody {
    /// The tokens of all prompts, every one of which fits the model's context.
    func checkedPrompts(by encoder: any PromptEncoding) throws(RequestError) -> [[TokenID]] {
        let prompts = try encodedPrompts(by: encoder)
        for count in prompts.map(\.count) {
            guard count > 0 else {
                throw RequestError(
                    "has no tokens to go on from", parameter: endpoint == .chatCompletions ? "messages" : "prompt")
            }
            _ = try maximumNewTokens(promptTokens: count, contextLength: encoder.contextLength)
        }
        return prompts
    }

    /// The UTF-8 bytes of all prompts: a stand-in for tokens that sorts nearly as well.
    var promptBytes: Int {
        switch prompt {
        case .chat(let chat): chat.messages.reduce(0) { $0 + ($1["content"]?.textBytes ?? 0) }
        case .texts(let prompts):
            prompts.reduce(0) { total, prompt in
                switch prompt {
                case .text(let text): total + text.utf8.count
                case .tokens(let tokens): total + tokens.count
                }
            }
        }
    }

    /// The most tokens that all choices together can come to have; with the prompt's, they fit 32 bits.
    ///
    /// - Parameter contextLength: of the model, if known.
    func newTokens(promptTokens: Int, contextLength: Int?) -> Int {
        let limit = Int(Int32.max) - promptTokens
        let room = contextLength.map { max(1, $0 - promptTokens) } ?? limit
        let each = sampling.maxTokens ?? min(room, defaultMaxTokens)
        let (product, overflow) = each.multipliedReportingOverflow(by: sampleCount)
        return overflow ? limit : min(product, limit)
    }
}

extension JSONValue {
    /// The UTF-8 bytes of a message's content, be it a string or an array of text parts.
    fileprivate var textBytes: Int {
        switch self {
        case .string(let text): text.utf8.count
        case .array(let parts): parts.reduce(0) { $0 + ($1["text"]?.stringValue?.utf8.count ?? 0) }
        default: 0
        }
    }
}
