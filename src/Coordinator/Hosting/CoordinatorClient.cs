using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// A worker's side of the control plane. Calls are repeated while the coordinator cannot be reached, for at most
/// <see cref="RetryFor"/>; a refusal is final. Safe for use by several threads.
/// <code>
/// // In the worker's Main:
/// using var watch = ParentWatch.Start();
/// var identity = WorkerEnvironment.Read();
/// using var client = new CoordinatorClient(identity, TimeProvider.System);
/// var place = await client.JoinAsync(codeVersion, configHash, stopping);
/// await using var heartbeat = HeartbeatLoop.Start(client, place.Generation, TimeSpan.FromSeconds(1),
///     () => new WorkerProgress(committedStep, DrainMetrics(), DrainWarnings()));
/// heartbeat.CoordinatorLost.Register(() => Environment.Exit(1));
/// try
/// {
///     while (step &lt; steps)
///     {
///         switch (heartbeat.TakeDirective()) { … }   // ranks agree by a collective on what to do
///         TrainOneStep();                             // then: committedStep = step
///     }
///     await client.CheckpointWrittenAsync(step, directory);
///     await heartbeat.FlushAsync();                   // the last metrics
///     await client.ReportAsync(place.Generation, WorkerOutcome.Completed, step, message: null);
/// }
/// catch (CollectiveException error)
/// {
///     var directive = await client.ReportAsync(place.Generation, WorkerOutcome.PeerLost, committedStep, error.Message);
///     if (directive == Directive.SaveAloneAndExit)
///     {
///         await client.CheckpointWrittenAsync(committedStep, SaveAlone());
///     }
/// }
/// catch (Exception error)
/// {
///     await client.ReportAsync(place.Generation, WorkerOutcome.Failed, committedStep, error.Message);
/// }
/// </code>
/// </summary>
public sealed class CoordinatorClient : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan AttemptTimeout = CoordinatorEndpoints.HoldLimit + TimeSpan.FromSeconds(10);

    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private int _checkpointsConfirmed;

    public CoordinatorClient(WorkerEnvironment identity, TimeProvider time)
    {
        // A proxy set for the outside world must not stand between processes of one run.
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            BaseAddress = new Uri(identity.Coordinator, $"/runs/{Uri.EscapeDataString(identity.RunId)}/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", identity.Token);
        _time = time;
        WorkerId = identity.WorkerId;
    }

    public string WorkerId { get; }

    /// <summary>How long a coordinator that cannot be reached is tried again.</summary>
    public TimeSpan RetryFor { get; init; } = TimeSpan.FromSeconds(30);

    internal int CheckpointsConfirmed => Volatile.Read(ref _checkpointsConfirmed);

    internal TimeProvider Time => _time;

    /// <summary>Joins the run; ends when all workers have joined.</summary>
    /// <exception cref="CoordinatorRefusedException">The worker does not fit the run, or the run has ended.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public Task<Assignment> JoinAsync(string codeVersion, string configHash, CancellationToken cancellationToken = default) =>
        CallAsync("join", new JoinRequest(WorkerId, Environment.ProcessId, Dns.GetHostName(), codeVersion, configHash), CoordinatorJson.Default.JoinRequest, CoordinatorJson.Default.Assignment, RetryFor, cancellationToken)!;

    /// <summary>Reports how training ended. After PeerLost the answer comes when it is decided which survivor saves.</summary>
    /// <exception cref="CoordinatorRefusedException">The report is of another generation.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public async Task<Directive> ReportAsync(int generation, WorkerOutcome outcome, long committedStep, string? message, int? exitCode = null, CancellationToken cancellationToken = default) =>
        (await CallAsync("report", new WorkerReport(WorkerId, generation, outcome, committedStep, message, exitCode), CoordinatorJson.Default.WorkerReport, CoordinatorJson.Default.DirectiveAnswer, RetryFor, cancellationToken))!.Directive;

    /// <summary>Tells of a checkpoint that is whole on disk. It counts when this call has ended.</summary>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public async Task CheckpointWrittenAsync(long step, string directory, CancellationToken cancellationToken = default)
    {
        await CallAsync("checkpoint-written", new CheckpointWritten(WorkerId, step, directory), CoordinatorJson.Default.CheckpointWritten, CoordinatorJson.Default.DirectiveAnswer, RetryFor, cancellationToken);
        Interlocked.Increment(ref _checkpointsConfirmed);
    }

    public void Dispose() => _http.Dispose();

    internal async Task<Directive> HeartbeatAsync(Heartbeat heartbeat, TimeSpan retryFor, CancellationToken cancellationToken) =>
        (await CallAsync("heartbeat", heartbeat, CoordinatorJson.Default.Heartbeat, CoordinatorJson.Default.DirectiveAnswer, retryFor, cancellationToken))!.Directive;

    private async Task<TAnswer?> CallAsync<TRequest, TAnswer>(string path, TRequest request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TAnswer> answerType, TimeSpan retryFor, CancellationToken cancellationToken)
        where TAnswer : class
    {
        long? failingSince = null;
        var pause = FirstPause;
        while (true)
        {
            try
            {
                using var attempt = new CancellationTokenSource(AttemptTimeout, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(attempt.Token, cancellationToken);
                using var response = await _http.PostAsJsonAsync(path, request, requestType, either.Token);
                if (response.StatusCode == HttpStatusCode.Accepted)
                {
                    failingSince = null;
                    pause = FirstPause;
                    continue;
                }

                if ((int)response.StatusCode is >= 400 and < 500)
                {
                    throw new CoordinatorRefusedException(await ReasonAsync(response, either.Token));
                }

                response.EnsureSuccessStatusCode();
                return response.StatusCode == HttpStatusCode.NoContent ? null : await response.Content.ReadFromJsonAsync(answerType, either.Token);
            }
            catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                failingSince ??= _time.GetTimestamp();
                if (_time.GetElapsedTime(failingSince.Value) >= retryFor)
                {
                    throw new CoordinatorLostException($"The coordinator at {_http.BaseAddress!.GetLeftPart(UriPartial.Authority)} cannot be reached: {error.Message}", error);
                }
            }

            await Task.Delay(pause, _time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancellationToken) =>
        string.Equals(response.Content.Headers.ContentType?.MediaType, "application/json", StringComparison.Ordinal)
            ? (await response.Content.ReadFromJsonAsync(CoordinatorJson.Default.ErrorAnswer, cancellationToken))!.Error
            : $"The coordinator answered {(int)response.StatusCode}.";
}
