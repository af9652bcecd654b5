using System.Globalization;
using System.Net;
using ClipTrain.Coordinator.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ClipTrain.Monitoring.Page;

/// <summary>Serves the live page of a board of runs.</summary>
public sealed class PageServer : IAsyncDisposable
{
    private const int DefaultPoints = 1000,
        MaxPoints = 4000;

    private readonly WebApplication _app;
    private readonly RunBoard _board;

    private PageServer(WebApplication app, RunBoard board) => (_app, _board) = (app, board);

    /// <summary>Address of the page.</summary>
    public Uri Address { get; private init; } = new("http://localhost");

    /// <param name="listen">Address and port; port 0 chooses a free one.</param>
    /// <param name="token">Token that requests must have; null is only allowed on loopback.</param>
    /// <param name="board">The runs. The server disposes it.</param>
    /// <exception cref="ArgumentException">The address is not loopback, and there is no token.</exception>
    /// <exception cref="IOException">The port is in use.</exception>
    public static async Task<PageServer> StartAsync(IPEndPoint listen, string? token, RunBoard board)
    {
        if (token is null && !IPAddress.IsLoopback(listen.Address))
        {
            throw new ArgumentException(
                $"The page shows captions and configurations, and {listen.Address} is reachable from other machines: set a token.",
                nameof(token)
            );
        }

        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(listen));
        builder.Services.AddRouting();
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        var app = builder.Build();
        app.Use((context, next) => AnswerAsync(context, next, token));
        app.UseRouting();
        Map(app, board);
        await app.StartAsync();
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new PageServer(app, board) { Address = new Uri(address) };
    }

    public async ValueTask DisposeAsync()
    {
        await _board.DisposeAsync();
        await _app.DisposeAsync();
    }

    /// <summary>
    /// Rejects unauthorized requests. Without a token only this machine's own host names are accepted, which prevents DNS rebinding.
    /// </summary>
    private static Task AnswerAsync(HttpContext context, RequestDelegate next, string? token)
    {
        var isAllowed = token is null
            ? context.Request.Host.Host is "localhost" or "127.0.0.1" or "[::1]"
            : HttpToken.IsGiven(context.Request, token);
        if (!isAllowed)
        {
            return HttpToken.RefuseAsync(context.Response);
        }

        context.Response.Headers.ContentSecurityPolicy = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.CacheControl = "no-store";
        return next(context);
    }

    private static void Map(IEndpointRouteBuilder app, RunBoard board)
    {
        app.MapGet("/", (RequestDelegate)(context => WriteAsync(context, "text/html", PageAssets.Live())));
        app.MapGet(
            "/{asset:regex(^[A-Za-z-]+\\.(js|css)$)}",
            (RequestDelegate)(context => WriteAssetAsync(context, (string)context.GetRouteValue("asset")!))
        );
        app.MapGet(
            "/api/runs",
            (RequestDelegate)(
                context =>
                    WriteJsonAsync(context, board.Look(runs => PageJson.Of(runs.Select(run => PageJson.Summary(run.Key, run.Value)))))
            )
        );
        app.MapGet(
            "/api/details",
            (RequestDelegate)(
                context =>
                    WriteJsonAsync(
                        context,
                        board.Look(runs =>
                            runs.TryGetValue(Query(context, "run"), out var run) ? PageJson.Of(PageJson.Details(run, runs)) : null
                        )
                    )
            )
        );
        app.MapGet(
            "/api/probe",
            (RequestDelegate)(context => WriteJsonAsync(context, board.Look(Query(context, "run"), run => PageJson.Of(run.Probe))))
        );
        app.MapGet("/api/series", (RequestDelegate)(context => WriteJsonAsync(context, Series(context, board))));
        app.MapGet("/api/sweeps", (RequestDelegate)(context => WriteJsonAsync(context, PageJson.Of(board.Sweeps()))));
        app.MapGet("/api/events", (RequestDelegate)(context => FollowAsync(context, board)));
    }

    private static string? Series(HttpContext context, RunBoard board)
    {
        double from = Number(context, "from", 0),
            to = Number(context, "to", double.MaxValue),
            points = Number(context, "points", DefaultPoints);
        var names = Query(context, "names").Split(',').ToHashSet(StringComparer.Ordinal);
        return board.Look(
            Query(context, "run"),
            run => PageJson.Of(PageJson.Series(run, run.Metrics.Slice(from, to, (int)Math.Clamp(points, 2, MaxPoints), names.Contains)))
        );
    }

    private static async Task FollowAsync(HttpContext context, RunBoard board)
    {
        context.Response.ContentType = "text/event-stream";
        await context.Response.WriteAsync("retry: 2000\n\n", context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        await foreach (var message in board.FollowAsync(context.RequestAborted))
        {
            await context.Response.WriteAsync($"data: {message}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private static Task WriteAssetAsync(HttpContext context, string name) =>
        PageAssets.Find(name) is { } text
            ? WriteAsync(context, name.EndsWith(".js", StringComparison.Ordinal) ? "text/javascript" : "text/css", text)
            : NotFoundAsync(context);

    private static Task WriteJsonAsync(HttpContext context, string? json) =>
        json is null ? NotFoundAsync(context) : WriteAsync(context, "application/json", json);

    private static Task WriteAsync(HttpContext context, string type, string text)
    {
        context.Response.ContentType = $"{type}; charset=utf-8";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return context.Response.WriteAsync("There is no such run.", context.RequestAborted);
    }

    /// <summary>Leaves signals to the host program: ASP.NET's own handler would only stop the server.</summary>
    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private static string Query(HttpContext context, string name) => context.Request.Query[name].ToString();

    private static double Number(HttpContext context, string name, double otherwise) =>
        double.TryParse(Query(context, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value)
            ? value
            : otherwise;
}
