internal import OctavoCore

/// Reads positions from the log-probabilities of a response.
struct TeacherReader {
    private let request: RequestBody
    /// How many of the likeliest tokens are kept of each position.
    private let topCount: Int

    /// - Parameter isScore: whether nothing was generated, so that only the prompt has positions.
    /// - Throws: `RowProblem.unsuitable` where the request did not ask for log-probabilities.
    init(_ request: RequestBody, isScore: Bool) throws(RowProblem) {
        self.request = request
        let isChat = request.endpoint == .chatCompletions
        topCount = (isScore ? request.promptLogprobs : request.sampling.topLogprobs) ?? 0
        guard topCount > 0 else {
            if isScore { throw .lacking("log-probabilities of its prompt", #""prompt_logprobs": 64"#) }
            let members = isChat ? #""logprobs": true, "top_logprobs": 64"# : #""logprobs": 64"#
            throw .lacking("log-probabilities of likely tokens", members)
        }
        guard isScore || request.spellsTokensAsIDs else {
            throw .lacking("ids in its log-probabilities", #""return_tokens_as_token_ids": true"#)
        }
    }

    /// The positions of a prompt's tokens but the last; none where the request told fewer tokens of them than of the answer's.
    ///
    /// - Parameter scores: has `prompt_logprobs`, each element an object of ids, the prompt's own first.
    func promptPositions(_ scores: JSONValue, count: Int) throws(RowProblem) -> [TeacherSample.Position] {
        guard let told = request.promptLogprobs, told >= topCount else { return [] }
        guard let elements = scores["prompt_logprobs"]?.arrayValue, elements.count == count else { throw .malformed }
        let sums = scores["prompt_log_sum_exp"]?.arrayValue
        var positions: [TeacherSample.Position] = []
        for (place, element) in elements.enumerated().dropFirst() {
            var entries: [Entry] = []
            for member in element.objectValue?.members ?? [] {
                guard let rank = member.value["rank"]?.integerValue else { throw .malformed }
                entries.append(try Entry(id: member.key, member.value["logprob"], rank: rank))
            }
            guard let own = entries.first else { throw .malformed }
            let top = entries.filter { $0.rank <= topCount }.sorted { $0.rank < $1.rank }
            positions.append(try position(of: own, top: top, sums: sums?[checked: place]))
        }
        return positions
    }

    /// The positions of the tokens that were generated: the last of the prompt and all of the answer but its own last.
    func answerPositions(_ choice: JSONValue, count: Int) throws(RowProblem) -> [TeacherSample.Position] {
        guard count > 0 else { return [] }
        let isChat = request.endpoint == .chatCompletions
        let logprobs = choice["logprobs"] ?? .null
        let rows = try isChat ? chatRows(logprobs) : textRows(logprobs)
        // An echoed prompt stands before the answer.
        guard rows.count >= count else {
            let reason =
                "has log-probabilities of \(rows.count) of its \(count) tokens, as an older version answered it"
            throw .unsuitable(UnsuitableSample(reason))
        }
        let sums = choice["log_sum_exp"]?.arrayValue
        let ranks = choice["ranks"]?.arrayValue
        var positions: [TeacherSample.Position] = []
        for (place, row) in rows.suffix(count).enumerated() {
            var own = row.own
            own.rank = ranks?[checked: place]?.integerValue ?? row.top.first { $0.id == own.id }?.rank ?? 0
            positions.append(try position(of: own, top: row.top, sums: sums?[checked: place]))
        }
        return positions
    }
}

extension TeacherReader {
    /// A token that log-probabilities name.
    private struct Entry {
        var id: Int32
        var logprob: Double
        var rank: Int

        init(id: some StringProtocol, _ logprob: JSONValue?, rank: Int) throws(RowProblem) {
            guard let id = Int32(id), let logprob = logprob?.doubleValue else { throw .malformed }
            self.id = id
            self.logprob = logprob
            self.rank = rank
        }

        /// - Parameter spelling: `token_id:N`.
        init(spelling: String?, _ logprob: JSONValue?, rank: Int) throws(RowProblem) {
            let prefix = "token_id:"
            guard let spelling, spelling.hasPrefix(prefix) else { throw .malformed }
            try self.init(id: spelling.dropFirst(prefix.count), logprob, rank: rank)
        }
    }

    /// A generated token and the likeliest in its place.
    private typealias Row = (own: Entry, top: [Entry])

    private func chatRows(_ logprobs: JSONValue) throws(RowProblem) -> [Row] {
        var rows: [Row] = []
        for element in logprobs["content"]?.arrayValue ?? [] {
            var top: [Entry] = []
            for entry in element["top_logprobs"]?.arrayValue?.prefix(topCount) ?? [] {
                top.append(
                    try Entry(spelling: entry["token"]?.stringValue, entry["logprob"], rank: top.count + 1))
            }
            rows.append((try Entry(spelling: element["token"]?.stringValue, element["logprob"], rank: 0), top))
        }
        return rows
    }

    private func textRows(_ logprobs: JSONValue) throws(RowProblem) -> [Row] {
        guard let tokens = logprobs["tokens"]?.arrayValue, let own = logprobs["token_logprobs"]?.arrayValue,
            let alternatives = logprobs["top_logprobs"]?.arrayValue, own.count == tokens.count,
            alternatives.count == tokens.count
        else { throw .malformed }
        var rows: [Row] = []
        // Of the first token of an echoed prompt nothing is known.
        for place in tokens.indices where !own[place].isNull {
            var top: [Entry] = []
            for member in alternatives[place].objectValue?.members.prefix(topCount) ?? [] {
                top.append(try Entry(spelling: member.key, member.value, rank: top.count + 1))
            }
            rows.append((try Entry(spelling: tokens[place].stringValue, own[place], rank: 0), top))
        }
        return rows
    }

    /// - Parameter sums: the log-sum-exps that the request asked for, in its order.
    private func position(
        of own: Entry, top: [Entry], sums: JSONValue?
    ) throws(RowProblem) -> TeacherSample.Position {
        guard let largest = top.first?.logprob, let rank = Int32(exactly: own.rank) else { throw .malformed }
        let logits = top.map { entry in
            // Never minus infinity, of which a student would make a NaN.
            Float16(min(max(entry.logprob - largest, -Double(Float16.greatestFiniteMagnitude)), 0))
        }
        // The largest logit, less itself, is 0: its log-probability is what was subtracted from it.
        var atOne = Float(-largest)
        var others: [Float] = []
        let temperatures = request.sampling.logSumExpTemperatures
        guard temperatures.isEmpty || sums?.arrayValue?.count == temperatures.count else { throw .malformed }
        for (temperature, sum) in zip(temperatures, sums?.arrayValue ?? []) {
            guard let sum = sum.doubleValue else { throw .malformed }
            if temperature == 1 { atOne = Float(sum) } else { others.append(Float(sum)) }
        }
        return TeacherSample.Position(
            tokens: top.map(\.id), relativeLogits: logits, logSumExps: [atOne] + others, logprob: Float(own.logprob),
            rank: rank)
    }
}

extension Array {
    /// The element of an index; `nil` if there is none.
    fileprivate subscript(checked index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
