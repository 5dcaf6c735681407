import Foundation
import OctavoHub
import OctavoWeights

/// Where a model is, and what it is called: MODEL of every command, a path or a name in the Hugging Face cache.
struct ModelLocation {
    /// A GGUF file, a directory, or a tokenizer file.
    let path: String
    /// What the user wrote.
    private let given: String
    /// The name in the hub, if `given` is one.
    private let hubName: HubName?

    /// Finds a model. What is a path is never taken for a name.
    ///
    /// - Throws: status 66 when it is neither a path nor in the cache, or what is in the cache is incomplete.
    init(_ model: String) throws {
        guard let found = try Self.find(model) else { throw Self.missing(model) }
        self = found
    }

    /// Finds a model that may also be elsewhere, under a name that workers serve.
    ///
    /// - Returns: nil if there is nothing of that name here.
    static func find(_ model: String) throws -> ModelLocation? {
        if FileManager.default.fileExists(atPath: model) {
            return ModelLocation(path: model, given: model, hubName: nil)
        }
        guard let name = HubName(model) else { return nil }
        let cache = HubCache(directory: HubEnvironment.configuration.cacheDirectory)
        return try cache.model(name).map { ModelLocation(path: $0, given: model, hubName: name) }
    }

    private init(path: String, given: String, hubName: HubName?) {
        self.path = path
        self.given = given
        self.hubName = hubName
    }

    /// The names by which batches may ask for the model, the first of which is shown.
    func names(of checkpoint: Checkpoint) -> [String] {
        guard let hubName else { return [checkpoint.name, given] }
        let names = [given, hubName.repository]
        return given == hubName.repository ? [given] : names
    }

    /// The error for a model that is not here.
    static func missing(_ model: String) -> CommandFailure {
        let remedy =
            "Give --model a .gguf file, a model's directory, or the name of a model in the Hugging Face cache; "
            + "scripts/fetch-model fetches a small one and prints its path."
        guard HubName(model) != nil, model.contains("/") else {
            return CommandFailure(.inputNotFound, "\(model): no such file or directory. \(remedy)")
        }
        let cache = HubEnvironment.configuration.cacheDirectory
        return CommandFailure(
            .inputNotFound,
            "\(model): no such file or directory, and no model of that name in the Hugging Face cache (\(cache)). "
                + "If it is a model of the hub, fetch it: octavo model pull \(model)")
    }
}

/// The hub and its cache as the environment describes them.
enum HubEnvironment {
    static let configuration = HubConfiguration(
        environment: ProcessInfo.processInfo.environment, home: Environment.string("HOME") ?? NSHomeDirectory())
}
