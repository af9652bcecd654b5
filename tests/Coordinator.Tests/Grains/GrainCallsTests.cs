using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

public sealed class GrainCallsTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly ManualTimeProvider _time = new();

    /// <summary>The errors with which Orleans reports that no silo has answered.</summary>
    public static TheoryData<Exception> Silences() =>
        [
            new TimeoutException("No reply."),
            new SiloUnavailableException("The silo is gone."),
            new OperationCanceledException("Message expired before placement could complete."),
        ];

    [Theory]
    [MemberData(nameof(Silences))]
    public async Task A_call_that_nobody_has_answered_is_made_again(Exception silence)
    {
        var calls = 0;
        var answer = GrainCalls.RepeatAsync(
            () => ++calls == 1 ? Task.FromException<string>(silence) : Task.FromResult("answer"),
            TimeSpan.FromSeconds(1),
            _time
        );
        await PassAsync();
        Assert.Equal("answer", await answer);
        Assert.Equal(2, calls);
    }

    [Theory]
    [MemberData(nameof(Silences))]
    public async Task Who_stays_silent_is_lost_when_patience_has_run_out(Exception silence)
    {
        var answer = GrainCalls.RepeatAsync(() => Task.FromException<string>(silence), TimeSpan.FromSeconds(0.5), _time);
        await PassAsync();
        await PassAsync();
        Assert.Equal(
            $"No coordinator answered for 0.5 s: {silence.Message}",
            (await Assert.ThrowsAsync<CoordinatorLostException>(() => answer)).Message
        );
    }

    [Fact]
    public async Task An_error_of_the_grain_is_an_answer() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            GrainCalls.RepeatAsync(
                () => Task.FromException(new InvalidOperationException("The run has not started yet.")),
                TimeSpan.FromSeconds(1),
                _time
            )
        );

    private async Task PassAsync()
    {
        await _time.WhenTimerRunsAsync(Pause);
        _time.Advance(Pause);
    }
}
