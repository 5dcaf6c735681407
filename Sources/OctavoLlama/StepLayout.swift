import OctavoCore

/// The tokens of a step and how attention meets them. One is kept from step to step, so that its memory is.
struct StepLayout {
    var tokens: [StepToken] = []
    var stretches: [Stretch] = []
    /// Those of the tokens whose logits are wanted, in order.
    var outputs: [Int] = []
    private var tables: Set<ObjectIdentifier> = []

    /// Forgets a step, but keeps its memory.
    mutating func clear() {
        tokens.removeAll(keepingCapacity: true)
        stretches.removeAll(keepingCapacity: true)
        outputs.removeAll(keepingCapacity: true)
    }

    /// Whether no stretch follows another of its sequence.
    mutating func areStretchesApart() -> Bool {
        tables.removeAll(keepingCapacity: true)
        return stretches.allSatisfy { tables.insert(ObjectIdentifier($0.blocks)).inserted }
    }
}

/// One token of a step.
struct StepToken: Sendable {
    var id: TokenID
    /// Its position in its sequence.
    var position: Int
    /// Its sequence's blocks.
    var blocks: AlignedBuffer<Int32>
}

/// Consecutive positions of one sequence in a step.
struct Stretch: Sendable {
    /// The first position's row.
    var row: Int
    /// The first position.
    var position: Int
    var count: Int
    var blocks: AlignedBuffer<Int32>

    static let maximumCount = 16
}
