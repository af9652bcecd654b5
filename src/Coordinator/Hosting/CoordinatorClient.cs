using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// A worker's side of the control plane. Calls are repeated while the coordinator cannot be reached, for at most
/// <see cref="RetryFor"/>, so that a coordinator may be started again; a refusal is final. Safe for use by several threads.
/// <code>
/// // In the worker's Main; a local worker begins with `using var watch = ParentWatch.Start()`:
/// using var client = new CoordinatorClient(identity, TimeProvider.System) { RetryFor = patience };
/// await using var heartbeat = HeartbeatLoop.Start(client, incarnation, TimeSpan.FromSeconds(0.5),
///     () => new WorkerProgress(committedStep, rank == 0 ? unacknowledged : [], DrainWarnings()),
///     recordedStep => unacknowledged.RemoveUpTo(recordedStep), patience);
/// var request = new JoinRequest(identity.WorkerId, incarnation, …);
/// while (true)
/// {
///     var answer = await client.JoinAsync(request);              // held until a generation forms
///     if (answer.Assignment is not { } place)
///     {
///         if (answer.Directive == Directive.SaveAloneAndExit)
///             await client.CheckpointWrittenAsync(committedStep, SaveAlone());
///         return;
///     }
///
///     committedStep = place.StartStep;                           // what progress tells, before the generation is entered
///     var broken = heartbeat.Enter(place.Generation);            // cancelled when the generation is over
///     string? reason = null;
///     try
///     {
///         // Build the group through client.StoreAsync, get the state, then each step: ranks agree by a collective on
///         // heartbeat.TakeDirective() and obey it at the same step.
///         var outcome = Train(place, broken);                    // null after an agreed Regroup
///         if (outcome is { } end)
///         {
///             await heartbeat.FlushAsync();                      // the last records
///             if (await client.ReportAsync(new WorkerReport(…, end, committedStep)) != Directive.Rejoin)
///                 return;                                        // held until all ranks have reported
///         }
///     }
///     catch (CollectiveException error)
///     {
///         reason = error.Message;
///     }
///     catch (Exception error)
///     {
///         await client.ReportAsync(new WorkerReport(…, WorkerOutcome.Failed, committedStep) { Message = error.Message });
///         return;
///     }
///
///     request = request with { HeldStep = committedStep, LeftGeneration = place.Generation, Reason = reason };
/// }
/// </code>
/// </summary>
public sealed class CoordinatorClient : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>For a call that may be held.</summary>
    private static readonly TimeSpan HeldTimeout = CoordinatorEndpoints.HoldLimit + TimeSpan.FromSeconds(10);

    /// <summary>A connection that packets vanish from is given up, and a new one finds a way that is open again.</summary>
    private static readonly TimeSpan HeartbeatTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The coordinator finds out within this time that the process before, which had this worker's name, has died.</summary>
    private static readonly TimeSpan NameFreeWithin = TimeSpan.FromSeconds(6);

    private readonly HttpClient _http;
    private readonly string _run;
    private readonly TimeProvider _time;
    private int _checkpointsConfirmed;

    /// <exception cref="CoordinatorStartException">The trusted certificate cannot be read.</exception>
    public CoordinatorClient(WorkerEnvironment identity, TimeProvider time)
    {
        _http = new HttpClient(CoordinatorConnection.Create(identity.TrustedCertificate)) { BaseAddress = identity.Coordinator, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", identity.Token);
        _run = $"/runs/{Uri.EscapeDataString(identity.RunId)}";
        _time = time;
        WorkerId = identity.WorkerId;
    }

    public string WorkerId { get; }

    /// <summary>How long a coordinator that cannot be reached is tried again.</summary>
    public TimeSpan RetryFor { get; init; } = TimeSpan.FromSeconds(30);

    internal int CheckpointsConfirmed => Volatile.Read(ref _checkpointsConfirmed);

    internal TimeProvider Time => _time;

    /// <summary>Asks for a place in the next generation; ends when it has formed, or the run ends.</summary>
    /// <exception cref="CoordinatorRefusedException">The worker does not fit the run, or the run has ended.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public Task<JoinAnswer> JoinAsync(JoinRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("join", request, CoordinatorJson.Default.JoinRequest, CoordinatorJson.Default.JoinAnswer, cancellationToken);

    /// <summary>
    /// Reports how training ended. After Completed and Stopped the answer comes when all ranks have reported (Continue), or
    /// the generation broke (Rejoin).
    /// </summary>
    /// <exception cref="CoordinatorRefusedException">The run does not know the worker.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public async Task<Directive> ReportAsync(WorkerReport report, CancellationToken cancellationToken = default) =>
        (await PostAsync("report", report, CoordinatorJson.Default.WorkerReport, CoordinatorJson.Default.DirectiveAnswer, cancellationToken)).Directive;

    /// <summary>Tells of a checkpoint that is whole on disk. It counts when this call has ended.</summary>
    /// <exception cref="CoordinatorRefusedException">The run does not know the worker.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public async Task CheckpointWrittenAsync(string incarnation, long step, string directory, CancellationToken cancellationToken = default)
    {
        var written = new CheckpointWritten(WorkerId, incarnation, step, directory);
        await CallAsync(() => Post("checkpoint-written", written, CoordinatorJson.Default.CheckpointWritten), (_, _) => Task.FromResult(true), RetryFor, HeldTimeout, cancellationToken);
        Interlocked.Increment(ref _checkpointsConfirmed);
    }

    /// <summary>Asks the key-value store of a generation; Get and Wait end when the key is there.</summary>
    /// <exception cref="CoordinatorRefusedException">The generation is over.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public Task<StoreAnswer> StoreAsync(StoreRequest request, CancellationToken cancellationToken = default) =>
        PostAsync("store", request, CoordinatorJson.Default.StoreRequest, CoordinatorJson.Default.StoreAnswer, cancellationToken);

    /// <summary>Names of the runs that the coordinator hosts.</summary>
    /// <exception cref="CoordinatorRefusedException">The token is wrong.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public Task<IReadOnlyList<string>> RunsAsync(CancellationToken cancellationToken = default) =>
        CallAsync(() => new HttpRequestMessage(HttpMethod.Get, "/runs"), (content, token) => ReadAsync(content, CoordinatorJson.Default.IReadOnlyListString, token), RetryFor, HeldTimeout, cancellationToken);

    /// <summary>The run's resolved configuration, as its file is.</summary>
    /// <exception cref="CoordinatorRefusedException">The coordinator has no such run.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public Task<byte[]> ConfigAsync(CancellationToken cancellationToken = default) => FileAsync("config", cancellationToken);

    /// <summary>The manifest of the run's corpus, as its file is.</summary>
    /// <exception cref="CoordinatorRefusedException">The coordinator has no such run.</exception>
    /// <exception cref="CoordinatorLostException">The coordinator cannot be reached.</exception>
    public Task<byte[]> ManifestAsync(CancellationToken cancellationToken = default) => FileAsync("manifest", cancellationToken);

    public void Dispose() => _http.Dispose();

    internal Task<HeartbeatAnswer> HeartbeatAsync(Heartbeat heartbeat, TimeSpan retryFor, CancellationToken cancellationToken) =>
        CallAsync(() => Post("heartbeat", heartbeat, CoordinatorJson.Default.Heartbeat), (content, token) => ReadAsync(content, CoordinatorJson.Default.HeartbeatAnswer, token), retryFor, HeartbeatTimeout, cancellationToken);

    private Task<byte[]> FileAsync(string name, CancellationToken cancellationToken) =>
        CallAsync(() => new HttpRequestMessage(HttpMethod.Get, $"{_run}/{name}"), (content, token) => content.ReadAsByteArrayAsync(token), RetryFor, HeldTimeout, cancellationToken);

    private Task<TAnswer> PostAsync<TRequest, TAnswer>(string path, TRequest request, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TAnswer> answerType, CancellationToken cancellationToken) =>
        CallAsync(() => Post(path, request, requestType), (content, token) => ReadAsync(content, answerType, token), RetryFor, HeldTimeout, cancellationToken);

    private HttpRequestMessage Post<T>(string path, T body, JsonTypeInfo<T> type) => new(HttpMethod.Post, $"{_run}/{path}") { Content = JsonContent.Create(body, type) };

    private static async Task<T> ReadAsync<T>(HttpContent content, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        await content.ReadFromJsonAsync(type, cancellationToken) ?? throw new IOException("The answer is empty.");

    private async Task<T> CallAsync<T>(Func<HttpRequestMessage> request, Func<HttpContent, CancellationToken, Task<T>> read, TimeSpan retryFor, TimeSpan timeout, CancellationToken cancellationToken)
    {
        long? failingSince = null, takenSince = null;
        var pause = FirstPause;
        while (true)
        {
            try
            {
                using var attempt = new CancellationTokenSource(timeout, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(attempt.Token, cancellationToken);
                using var message = request();
                using var response = await _http.SendAsync(message, either.Token);
                if (response.StatusCode == HttpStatusCode.Accepted)
                {
                    failingSince = null;
                    pause = FirstPause;
                    continue;
                }

                if ((int)response.StatusCode is >= 400 and < 500)
                {
                    takenSince ??= _time.GetTimestamp();
                    if (response.StatusCode != HttpStatusCode.Locked || _time.GetElapsedTime(takenSince.Value) >= NameFreeWithin)
                    {
                        throw new CoordinatorRefusedException(await ReasonAsync(response, either.Token));
                    }
                }
                else
                {
                    response.EnsureSuccessStatusCode();
                    return await read(response.Content, either.Token);
                }
            }
            catch (Exception error) when (error is HttpRequestException or IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                if (CoordinatorConnection.Distrust(error) is { } distrust)
                {
                    throw new CoordinatorRefusedException($"The certificate of the coordinator at {Address} is not trusted: {distrust}");
                }

                failingSince ??= _time.GetTimestamp();
                if (_time.GetElapsedTime(failingSince.Value) >= retryFor)
                {
                    throw new CoordinatorLostException($"The coordinator at {Address} cannot be reached: {error.Message}", error);
                }
            }

            await Task.Delay(pause, _time, cancellationToken);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private string Address => _http.BaseAddress!.GetLeftPart(UriPartial.Authority);

    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancellationToken) =>
        string.Equals(response.Content.Headers.ContentType?.MediaType, "application/json", StringComparison.Ordinal)
            ? (await response.Content.ReadFromJsonAsync(CoordinatorJson.Default.ErrorAnswer, cancellationToken))!.Error
            : $"The coordinator answered {(int)response.StatusCode}.";
}
