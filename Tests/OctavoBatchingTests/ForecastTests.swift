import OctavoBatching
import OctavoCore
import Testing

@Suite struct ForecastTests {
    private static let costs = TokenCosts(prompt: 1, answer: 4)

    @Test func `without observations every answer is as long as it may be`() {
        let forecast = WorkForecast(
            [ObservedRequest(promptTokens: 10, limit: 7), ObservedRequest(promptTokens: 20, limit: 3)],
            costs: Self.costs, scale: 2)
        #expect(forecast.promptTokens == 60 && forecast.answerTokens == 20)
        #expect(forecast.total == 140 && forecast.done == 0 && forecast.secondsLeft(after: 10) == nil)
    }

    @Test func `the time left is that of the tokens left, not of the requests left`() throws {
        let requests = [
            ObservedRequest(promptTokens: 90, limit: 10, progress: .finished(tokens: 10)),
            ObservedRequest(promptTokens: 5, limit: 5, progress: .waiting),
        ]
        let forecast = WorkForecast(requests, costs: Self.costs)
        #expect(forecast.done == 130 && forecast.total == 155)
        #expect(try #require(forecast.secondsLeft(after: 26)) == 5)
    }

    @Test func `answers cut off by their limits count as at least that long`() {
        // Ten answers end by themselves at 8; of longer ones nothing but the limit is known.
        var requests = (0..<10).map { _ in
            ObservedRequest(promptTokens: 10, limit: 100, progress: .finished(tokens: 8))
        }
        requests += (0..<10).map { _ in ObservedRequest(promptTokens: 10, limit: 4, progress: .finished(tokens: 4)) }
        let waiting = [4, 100].map { ObservedRequest(promptTokens: 10, limit: $0) }
        let forecast = WorkForecast(waiting, costs: Self.costs, learningFrom: requests)
        #expect(abs(forecast.answerTokens - (4 + 8)) < 1e-9)
    }

    @Test func `answers that go on are longer than those that have ended`() {
        let ended = (0..<10).map { _ in ObservedRequest(promptTokens: 10, limit: 100, progress: .finished(tokens: 10)) }
        let running = (0..<10).map { _ in ObservedRequest(promptTokens: 10, limit: 100, progress: .running(tokens: 40))
        }
        let one = [ObservedRequest(promptTokens: 10, limit: 100)]
        let blind = WorkForecast(one, costs: Self.costs, learningFrom: ended).answerTokens
        let seeing = WorkForecast(one, costs: Self.costs, learningFrom: ended + running).answerTokens
        // Half end at 10; the others have 40, and then end at the rate of ten ends in 500 tokens.
        #expect(blind == 10 && seeing > 10 * 0.5 + 40 * 0.5 && seeing < 10 * 0.5 + 90 * 0.5)
        let left = WorkForecast(running, costs: Self.costs, learningFrom: ended).answerTokens / 10
        #expect(left > 40 && left <= 100)
    }

    @Test func `prompts of another length have answers of another length`() {
        var requests: [ObservedRequest] = []
        for _ in 0..<50 {
            requests.append(ObservedRequest(promptTokens: 1000, limit: 500, progress: .finished(tokens: 200)))
            requests.append(ObservedRequest(promptTokens: 10, limit: 500, progress: .finished(tokens: 20)))
        }
        let lengths = [900, 15].map { length in
            WorkForecast(
                [ObservedRequest(promptTokens: length, limit: 500)], costs: Self.costs, learningFrom: requests
            ).answerTokens
        }
        #expect(lengths[1] == 20 && lengths[0] >= 20)
        let long = WorkForecast(
            [ObservedRequest(promptTokens: 1200, limit: 500)], costs: Self.costs, learningFrom: requests)
        #expect(long.answerTokens == 200)
    }

    @Test func `costs are found from what requests took`() throws {
        var fit = CostFit(
            count: 0, promptPrompt: 0, promptAnswer: 0, answerAnswer: 0, promptTime: 0, answerTime: 0)
        for index in 0..<20 {
            let prompt = [100.0, 20, 500, 60][index % 4]
            let answer = [10.0, 200, 40, 60][index % 4]
            let time = 0.002 * prompt + 0.03 * answer
            fit.count += 1
            fit.promptPrompt += prompt * prompt
            fit.promptAnswer += prompt * answer
            fit.answerAnswer += answer * answer
            fit.promptTime += prompt * time
            fit.answerTime += answer * time
        }
        let costs = try #require(fit.costs)
        #expect(abs(costs.prompt - 0.002) < 1e-9 && abs(costs.answer - 0.03) < 1e-9)
        var few = fit
        few.count = 3
        #expect(few.costs == nil)
    }

    @Test func `costs that cannot be told apart have the typical proportion, and the right sum`() throws {
        // All prompts have 10 tokens, all answers 5, and each request takes 3 seconds.
        let fit = CostFit(
            count: 20, promptPrompt: 2000, promptAnswer: 1000, answerAnswer: 500, promptTime: 600, answerTime: 300)
        let costs = try #require(fit.costs)
        #expect(abs(costs.prompt * 10 + costs.answer * 5 - 3) < 1e-9)
        #expect(abs(costs.answer / costs.prompt - TokenCosts.typical.answer / TokenCosts.typical.prompt) < 1e-9)
    }
}
