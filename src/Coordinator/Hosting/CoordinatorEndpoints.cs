using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// The coordinator over HTTP. Bodies are JSON. 401: no or a wrong token. 404: no such run or worker. 409: refused, with the
/// reason. 202: the answer is not known yet, send the same request again.
/// </summary>
internal sealed class CoordinatorEndpoints(ConcurrentDictionary<string, HostedRun> runs, BearerToken token, bool readingIsFree, TimeProvider time, ILogger logger)
{
    /// <summary>A held request is answered with 202 after this time, so that neither side waits on a connection that is gone.</summary>
    public static readonly TimeSpan HoldLimit = TimeSpan.FromSeconds(20);

    public void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/health", (RequestDelegate)(context => context.Response.WriteAsync("ok")));
        app.MapGet("/runs/{run}", With((context, run) => WriteAsync(context, StatusCodes.Status200OK, run.State, CoordinatorJson.Default.RunState), needsToken: !readingIsFree));
        app.MapPost("/runs/{run}/join", Post(CoordinatorJson.Default.JoinRequest, body => new RunMessage.Join(body), body => (body.WorkerId, HeldCall.Join)));
        app.MapPost("/runs/{run}/heartbeat", Post(CoordinatorJson.Default.Heartbeat, body => new RunMessage.Beat(body)));
        app.MapPost("/runs/{run}/report", Post(CoordinatorJson.Default.WorkerReport, body => new RunMessage.Report(body), body => (body.WorkerId, HeldCall.Report)));
        app.MapPost("/runs/{run}/checkpoint-written", Post(CoordinatorJson.Default.CheckpointWritten, body => new RunMessage.Checkpointed(body)));
        app.MapPost("/runs/{run}/stop", Post(CoordinatorJson.Default.StopRequest, body => new RunMessage.StopRequested(body.By, body.AtOnce)));
        app.MapPost("/runs/{run}/checkpoint", With((context, run) => AnswerAsync(context, run, new RunMessage.CheckpointRequested(), call: null), needsToken: true));
    }

    private RequestDelegate Post<T>(JsonTypeInfo<T> type, Func<T, RunMessage> message, Func<T, (string WorkerId, HeldCall Call)>? call = null) =>
        With(async (context, run) =>
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

            await AnswerAsync(context, run, message(body), call?.Invoke(body));
        }, needsToken: true);

    private RequestDelegate With(Func<HttpContext, HostedRun, Task> handle, bool needsToken) => async context =>
    {
        if (needsToken && !token.IsOn(context.Request))
        {
            context.Response.Headers.WWWAuthenticate = "Bearer";
            await WriteErrorAsync(context, StatusCodes.Status401Unauthorized, $"The request needs the run's token: Authorization: Bearer TOKEN, with the value of {WorkerEnvironment.TokenVariable}.");
            return;
        }

        var name = (string)context.Request.RouteValues["run"]!;
        if (!runs.TryGetValue(name, out var run))
        {
            await WriteErrorAsync(context, StatusCodes.Status404NotFound, $"This coordinator has no run {name}.");
            return;
        }

        try
        {
            await handle(context, run);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            logger.LogDebug("{Path}: the client has gone.", context.Request.Path);
        }
    };

    private async Task AnswerAsync(HttpContext context, HostedRun run, RunMessage message, (string WorkerId, HeldCall Call)? call)
    {
        var (reply, later) = await run.SendAsync(message, call);
        if (later is not null)
        {
            try
            {
                reply = await later.WaitAsync(HoldLimit, time, context.RequestAborted);
            }
            catch (TimeoutException)
            {
                context.Response.StatusCode = StatusCodes.Status202Accepted;
                return;
            }
        }

        await (reply switch
        {
            RunReply.Assigned assigned => WriteAsync(context, StatusCodes.Status200OK, assigned.Assignment, CoordinatorJson.Default.Assignment),
            RunReply.Directed directed => WriteAsync(context, StatusCodes.Status200OK, new DirectiveAnswer(directed.Directive), CoordinatorJson.Default.DirectiveAnswer),
            RunReply.Refused { Kind: RefusalKind.UnknownWorker } refused => WriteErrorAsync(context, StatusCodes.Status404NotFound, refused.Reason),
            RunReply.Refused refused => WriteErrorAsync(context, StatusCodes.Status409Conflict, refused.Reason),
            _ => NoContent(context),
        });
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
