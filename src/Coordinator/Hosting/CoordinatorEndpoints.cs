using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// The coordinator over HTTP. Bodies are JSON. 401: no or a wrong token. 404: no such run or worker. 409: refused, with the
/// reason. 423: another worker has the name, or had it until lately. 202: the answer is not known yet, send the same request again. 503: the coordinator is starting or stopping, try
/// again.
/// </summary>
internal sealed class CoordinatorEndpoints(ConcurrentDictionary<string, HostedRun> runs, BearerToken token, bool readingIsFree, TimeProvider time, ILogger logger)
{
    /// <summary>A held request is answered with 202 after this time, so that neither side waits on a connection that is gone.</summary>
    public static readonly TimeSpan HoldLimit = TimeSpan.FromSeconds(20);

    public void Map(IEndpointRouteBuilder app)
    {
        var status = WithRun(WriteStateAsync);
        app.MapGet("/health", (RequestDelegate)(context => context.Response.WriteAsync("ok")));
        app.MapGet("/runs", WithToken(WriteNamesAsync));
        app.MapGet("/runs/{run}", readingIsFree ? status : WithToken(status));
        app.MapGet("/runs/{run}/config", WithToken(WithRun((context, run) => WriteFileAsync(context, run, run.Files?.Config))));
        app.MapGet("/runs/{run}/manifest", WithToken(WithRun((context, run) => WriteFileAsync(context, run, run.Files?.Manifest))));
        app.MapPost("/runs/{run}/join", Post(CoordinatorJson.Default.JoinRequest, (context, run, body) => AnswerAsync(context, run, new RunMessage.Join(body), (body.WorkerId, HeldCall.Join))));
        app.MapPost("/runs/{run}/heartbeat", Post(CoordinatorJson.Default.Heartbeat, (context, run, body) => AnswerAsync(context, run, new RunMessage.Beats([body]))));
        app.MapPost("/runs/{run}/report", Post(CoordinatorJson.Default.WorkerReport, (context, run, body) => AnswerAsync(context, run, new RunMessage.Report(body), (body.WorkerId, HeldCall.Report))));
        app.MapPost("/runs/{run}/checkpoint-written", Post(CoordinatorJson.Default.CheckpointWritten, (context, run, body) => AnswerAsync(context, run, new RunMessage.Checkpointed(body))));
        app.MapPost("/runs/{run}/store", Post(CoordinatorJson.Default.StoreRequest, AskStoreAsync));
        app.MapPost("/runs/{run}/stop", Post(CoordinatorJson.Default.StopRequest, (context, run, body) => AnswerAsync(context, run, new RunMessage.StopRequested(body.By, body.AtOnce))));
        app.MapPost("/runs/{run}/checkpoint", WithToken(WithRun((context, run) => AnswerAsync(context, run, new RunMessage.CheckpointRequested()))));
    }

    private RequestDelegate Post<T>(JsonTypeInfo<T> type, Func<HttpContext, HostedRun, T, Task> handle) =>
        WithToken(WithRun(async (context, run) =>
        {
            T? body;
            try
            {
                body = await JsonSerializer.DeserializeAsync(context.Request.Body, type, context.RequestAborted);
            }
            catch (JsonException error)
            {
                await WriteErrorAsync(context, StatusCodes.Status400BadRequest, $"The body is not a {typeof(T).Name}: {error.Message}");
                return;
            }

            if (body is null)
            {
                await WriteErrorAsync(context, StatusCodes.Status400BadRequest, $"The body is not a {typeof(T).Name}: it is null.");
                return;
            }

            await handle(context, run, body);
        }));

    private RequestDelegate WithToken(RequestDelegate handle) => context =>
    {
        if (token.IsOn(context.Request))
        {
            return handle(context);
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        return WriteErrorAsync(context, StatusCodes.Status401Unauthorized, $"The request needs the run's token: Authorization: Bearer TOKEN, with the value of {WorkerEnvironment.TokenVariable}.");
    };

    private RequestDelegate WithRun(Func<HttpContext, HostedRun, Task> handle) => async context =>
    {
        var name = (string)context.Request.RouteValues["run"]!;
        if (!runs.TryGetValue(name, out var run))
        {
            // A coordinator that has just been started again listens before it has taken its run up.
            await (runs.IsEmpty
                ? WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "This coordinator has no run yet.")
                : WriteErrorAsync(context, StatusCodes.Status404NotFound, $"This coordinator has no run {name}."));
            return;
        }

        try
        {
            await handle(context, run);
        }
        catch (RunClosedException closed)
        {
            await WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, closed.Message);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            logger.LogDebug("{Path}: the client has gone.", context.Request.Path);
        }
    };

    private async Task AnswerAsync(HttpContext context, HostedRun run, RunMessage message, (string WorkerId, HeldCall Call)? call = null)
    {
        var (reply, later) = await run.SendAsync(message, call);
        if (later is not null)
        {
            try
            {
                reply = await HoldAsync(context, later);
            }
            catch (TimeoutException)
            {
                context.Response.StatusCode = StatusCodes.Status202Accepted;
                return;
            }
        }

        await (reply switch
        {
            RunReply.Assigned assigned => WriteAsync(context, StatusCodes.Status200OK, new JoinAnswer(assigned.Assignment, Directive: null), CoordinatorJson.Default.JoinAnswer),
            RunReply.Directed directed when message is RunMessage.Join => WriteAsync(context, StatusCodes.Status200OK, new JoinAnswer(Assignment: null, directed.Directive), CoordinatorJson.Default.JoinAnswer),
            RunReply.Directed directed => WriteAsync(context, StatusCodes.Status200OK, new DirectiveAnswer(directed.Directive), CoordinatorJson.Default.DirectiveAnswer),
            RunReply.HeartbeatReply beaten => WriteAsync(context, StatusCodes.Status200OK, beaten.Answer, CoordinatorJson.Default.HeartbeatAnswer),
            RunReply.Refused { Kind: RefusalKind.UnknownWorker } refused => WriteErrorAsync(context, StatusCodes.Status404NotFound, refused.Reason),
            RunReply.Refused { Kind: RefusalKind.NameTaken } refused => WriteErrorAsync(context, StatusCodes.Status423Locked, refused.Reason),
            RunReply.Refused refused => WriteErrorAsync(context, StatusCodes.Status409Conflict, refused.Reason),
            _ => NoContent(context),
        });
    }

    private async Task AskStoreAsync(HttpContext context, HostedRun run, StoreRequest request)
    {
        try
        {
            await WriteAsync(context, StatusCodes.Status200OK, await HoldAsync(context, run.Store.AskAsync(request)), CoordinatorJson.Default.StoreAnswer);
        }
        catch (StoreRefusedException refused)
        {
            await WriteErrorAsync(context, StatusCodes.Status409Conflict, refused.Message);
        }
        catch (TimeoutException)
        {
            context.Response.StatusCode = StatusCodes.Status202Accepted;
        }
    }

    private Task<T> HoldAsync<T>(HttpContext context, Task<T> answer) => answer.WaitAsync(HoldLimit, time, context.RequestAborted);

    private Task WriteNamesAsync(HttpContext context) =>
        WriteAsync(context, StatusCodes.Status200OK, [.. runs.Keys.Order(StringComparer.Ordinal)], CoordinatorJson.Default.IReadOnlyListString);

    private static Task WriteStateAsync(HttpContext context, HostedRun run) =>
        WriteAsync(context, StatusCodes.Status200OK, run.State, CoordinatorJson.Default.RunState);

    private static async Task WriteFileAsync(HttpContext context, HostedRun run, byte[]? content)
    {
        if (content is null)
        {
            await WriteErrorAsync(context, StatusCodes.Status404NotFound, $"Run {run.State.Spec.RunId} has only workers that its coordinator starts.");
            return;
        }

        context.Response.ContentType = "application/octet-stream";
        await context.Response.Body.WriteAsync(content, context.RequestAborted);
    }

    private static Task NoContent(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static Task WriteErrorAsync(HttpContext context, int status, string error) =>
        WriteAsync(context, status, new ErrorAnswer(error), CoordinatorJson.Default.ErrorAnswer);

    private static async Task WriteAsync<T>(HttpContext context, int status, T body, JsonTypeInfo<T> type)
    {
        context.Response.StatusCode = status;
        await context.Response.WriteAsJsonAsync(body, type, contentType: null, context.RequestAborted);
    }
}
