/// Where a request is stored: its batch, and its position there by falling length (not its line in the file).
public struct RequestKey: Sendable, Hashable, Comparable {
    /// The batch.
    public var batchID: Int64
    /// The position within the batch, from 0.
    public var position: Int32

    /// Makes a key.
    public init(batchID: Int64, position: Int32) {
        self.batchID = batchID
        self.position = position
    }

    /// By batch, then by position.
    public static func < (left: RequestKey, right: RequestKey) -> Bool {
        (left.batchID, left.position) < (right.batchID, right.position)
    }
}
