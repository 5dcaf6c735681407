/// What the queue refuses, said so that its reader knows what to do.
public enum QueueError: Error, Sendable, Hashable {
    /// Another process loads the same batch and was faster.
    case loadedElsewhere(batch: Int64)
    /// The batch is loaded already, or was cancelled meanwhile.
    case notLoading(batch: Int64, state: BatchState)
    /// The idempotency key belongs to a batch with other contents or settings.
    case idempotencyKeyReused(key: String, batch: Int64)
    /// A batch was to be activated with another number of requests than were loaded.
    case incompleteLoad(batch: Int64, loaded: Int, expected: Int)
    /// The custom id is in the batch already.
    case duplicateCustomID(batch: Int64, customID: String)
    /// More requests or lines than a batch can number.
    case tooManyRequests(batch: Int64)
    /// No batch has this id or name.
    case noSuchBatch(String, existing: [String])
    /// Several batches have this name.
    case ambiguousName(String, batches: [Int64])
    /// The batch cannot be acted on so in its state.
    case wrongState(batch: Int64, state: BatchState, action: String)
    /// The server has no such role.
    case noSuchRole(String)
    /// The database has no queue.
    case schemaMissing
    /// The database's queue is older than this program.
    case schemaOutdated(found: Int, needed: Int)
    /// The database's queue is newer than this program.
    case schemaNewer(found: Int, known: Int)
}

extension QueueError: CustomStringConvertible {
    /// What happened, and the remedy.
    public var description: String {
        switch self {
        case .loadedElsewhere(let batch):
            "another process is loading batch \(batch); wait for it, then run the same command again"
        case .notLoading(let batch, let state):
            "batch \(batch) takes no more requests: it is \(state.name)"
        case .idempotencyKeyReused(let key, let batch):
            "the key \"\(key)\" belongs to batch \(batch), which has other contents or settings; use another key"
        case .incompleteLoad(let batch, let loaded, let expected):
            "batch \(batch) holds \(loaded) requests, not \(expected)"
        case .duplicateCustomID(let batch, let customID):
            "the custom_id \"\(customID)\" occurs twice in batch \(batch)"
        case .tooManyRequests(let batch):
            "batch \(batch) would exceed \(Int32.max) requests; split the file"
        case .noSuchBatch(let text, let existing):
            "there is no batch \"\(text)\"; "
                + (existing.isEmpty ? "the queue is empty" : "there are \(existing.joined(separator: ", "))")
        case .ambiguousName(let name, let batches):
            "\(batches.count) batches are called \"\(name)\"; use an id: "
                + batches.map(String.init).joined(separator: ", ")
        case .wrongState(let batch, let state, let action):
            "batch \(batch) cannot be \(action): it is \(state.name)"
        case .noSuchRole(let name):
            "there is no role \"\(name)\"; make it first, in psql: CREATE ROLE \"\(name)\" LOGIN PASSWORD '...'"
        case .schemaMissing:
            "the database holds no queue yet; run: octavo database migrate"
        case .schemaOutdated(let found, let needed):
            "the database's queue has version \(found) and this octavo needs \(needed); run: octavo database migrate"
        case .schemaNewer(let found, let known):
            "the database's queue has version \(found) and this octavo knows \(known); install a newer octavo"
        }
    }
}
