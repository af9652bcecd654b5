using ClipTrain.Coordinator.Protocol;
using Orleans.Runtime;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Calls to a grain whose host may die, or may have died without the cluster knowing yet.</summary>
public static class GrainCalls
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// True when a call has failed because nobody answered it. Orleans says so in three ways: no reply in time, no silo that
    /// takes the message, and, where the grain had still to be placed, a cancellation that nobody asked for.
    /// </summary>
    public static bool WasUnanswered(Exception error) => error is TimeoutException or OrleansException or OperationCanceledException;

    /// <summary>Repeats a call until somebody answers it. It must be one that does no harm when it is carried out twice.</summary>
    /// <param name="call">Makes the call.</param>
    /// <param name="patience">How long to repeat it.</param>
    /// <param name="time">For the pauses.</param>
    /// <param name="cancellationToken">Ends the repetition, not the call under way.</param>
    /// <exception cref="CoordinatorLostException">Nobody has answered for so long.</exception>
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
                        $"No coordinator has answered for {patience.TotalSeconds:0.#} s: {error.Message}",
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
