/// What a step is made of, and what it said. One is kept from step to step, so that its memory is.
struct StepPlan {
    /// What a row takes part in a step with: its next `tokenCount` tokens, of whose logits it needs the last few.
    struct Share {
        var row: Int
        var tokenCount: Int
        var logitsCount: Int
    }

    /// A position that logits are asked for.
    struct Place: Sendable {
        var row: Int
        var position: Int
    }

    private(set) var shares: [Share] = []
    /// The shares as the runner sees them.
    var rows: [StepRow] = []
    /// The positions of all shares that logits are asked for, in order, and what these said.
    private(set) var places: [Place] = []
    var readings: [BatchRow.Reading] = []
    /// The logits at hand.
    var logits: [LogitsRow] = []
    /// Tokens that the step has room for.
    private(set) var tokenBudget = 0
    /// Tokens that rows found computed.
    var cachedTokens = 0

    /// Begins a step, in the memory of the last.
    mutating func clear(tokenBudget: Int) {
        shares.removeAll(keepingCapacity: true)
        rows.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        readings.removeAll(keepingCapacity: true)
        self.tokenBudget = tokenBudget
        cachedTokens = 0
    }

    /// Adds a row's share, whose last token is before the position `end`.
    mutating func add(_ share: Share, _ row: StepRow, endingAt end: Int) {
        shares.append(share)
        rows.append(row)
        for position in end - share.logitsCount..<end {
            places.append(Place(row: share.row, position: position))
            readings.append(.passed)
        }
        tokenBudget -= share.tokenCount
    }
}
