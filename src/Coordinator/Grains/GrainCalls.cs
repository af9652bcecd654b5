using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Calls to a grain whose host may die, or may have died unnoticed.</summary>
public static class GrainCalls
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// True if a call failed because nobody answered it. Orleans reports this in three ways: no reply in time, no silo that accepts the
    /// message, or, while the grain is being placed, an unrequested cancellation.
    /// </summary>
    public static bool WasUnanswered(Exception error) => error is TimeoutException or OrleansException or OperationCanceledException;

    /// <summary>Repeats an idempotent call until somebody answers it.</summary>
    /// <param name="call">Makes the call.</param>
    /// <param name="patience">Maximum time to repeat it.</param>
    /// <param name="time">For the pauses.</param>
    /// <param name="cancellationToken">Ends the repetition, but not the call in progress.</param>
    /// <exception cref="CoordinatorLostException">Nobody answered within the patience.</exception>
    public static async Task<T> RepeatAsync<T>(
        Func<Task<T>> call,
        TimeSpan patience,
        TimeProvider time,
        CancellationToken cancellationToken = default
    )
    {
        for (var start = time.GetTimestamp(); ; await Task.Delay(Pause, time, cancellationToken))
        {
            try
            {
                return await call();
            }
            catch (Exception error) when (WasUnanswered(error))
            {
                if (time.GetElapsedTime(start) >= patience)
                {
                    throw new CoordinatorLostException(
                        $"No coordinator answered for {patience.TotalSeconds:0.#} s: {error.Message}",
                        error
                    );
                }
            }
        }
    }

    /// <inheritdoc cref="RepeatAsync{T}"/>
    public static Task RepeatAsync(Func<Task> call, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken = default) =>
        RepeatAsync(
            async () =>
            {
                await call();
                return true;
            },
            patience,
            time,
            cancellationToken
        );
}
