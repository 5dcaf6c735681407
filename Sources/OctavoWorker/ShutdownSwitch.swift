import OctavoEngine
import Synchronization

/// Turned once, when the worker is to stop: stops the running batch and ends idle waits.
final class ShutdownSwitch: Sendable {
    private struct State {
        var isOn = false
        var controls: [GenerationControl] = []
        var naps: [Int: Task<Void, Never>] = [:]
        var napCount = 0
    }

    private let state = Mutex(State())

    var isOn: Bool { state.withLock { $0.isOn } }

    /// Stops everything attached, now and later.
    func turnOn() {
        let (controls, naps) = state.withLock { state in
            state.isOn = true
            return (state.controls, Array(state.naps.values))
        }
        for control in controls { control.stop() }
        for nap in naps { nap.cancel() }
    }

    /// Runs `body` with a control that the switch stops.
    func whileAttached<Result>(_ control: GenerationControl, _ body: () async throws -> Result) async rethrows -> Result
    {
        let isOn = state.withLock { state in
            state.controls.append(control)
            return state.isOn
        }
        if isOn { control.stop() }
        defer { state.withLock { $0.controls.removeAll { $0 === control } } }
        return try await body()
    }

    /// Sleeps, but not past the moment the switch is turned or the task is cancelled.
    func nap(_ duration: Duration) async {
        let nap = Task { _ = try? await Task.sleep(for: duration) }
        let number = state.withLock { state in
            state.napCount += 1
            state.naps[state.napCount] = nap
            if state.isOn { nap.cancel() }
            return state.napCount
        }
        await withTaskCancellationHandler {
            await nap.value
        } onCancel: {
            nap.cancel()
        }
        _ = state.withLock { $0.naps.removeValue(forKey: number) }
    }
}
