internal import OctavoCore
internal import OctavoJobs
internal import OctavoQueue

extension ExportOptions {
    /// The writer of the format: the one place that knows them all.
    ///
    /// - Parameters:
    ///   - settings: the batch's.
    ///   - recipe: whose output is written, if one's is.
    ///   - rejected: those of the batch of rejected answers, if there is one.
    func lineWriter(_ settings: BatchSettings, recipe: JobRecipe?, rejected: BatchSettings?) -> any LineWriter {
        func samples(_ format: some SampleFormat) -> any LineWriter {
            SampleLineWriter(format: format, defaults: settings.defaults, onlyComplete: onlyComplete)
        }
        if let recipe { return RecipeLineWriter(recipe) }
        return switch format {
        case nil, .openai, .recipe: OpenAILineWriter(settings, fixedTime: fixedTime, includesRequests: includesPrompt)
        case .messages: samples(MessagesFormat())
        case .sharegpt: samples(ShareGPTFormat())
        case .alpaca: samples(AlpacaFormat())
        case .promptCompletion: samples(PromptCompletionFormat())
        case .distill:
            DistillLineWriter(
                defaults: settings.defaults, onlyComplete: onlyComplete, maximumShardBytes: shardBytes,
                files: ShardFiles(besides: output ?? ""))
        case .preference:
            PreferenceLineWriter(
                defaults: settings.defaults, rejectedDefaults: rejected?.defaults ?? JSONObject(),
                onlyComplete: onlyComplete)
        }
    }
}

extension BatchSettings {
    /// The members that count where a request has none.
    fileprivate var defaults: JSONObject { (try? JSONValue.parse(settings))?.objectValue ?? JSONObject() }
}
