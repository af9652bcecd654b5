using System.Globalization;
using System.Net;
using System.Text;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.Coordinator.State;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Dashboard;

namespace ClipTrain.Coordinator.Processes;

/// <summary>The HTTP of a coordinator's process, for probes, monitoring and browsers; nothing of the run goes through it.</summary>
/// <param name="Listen">Address and port.</param>
/// <param name="HasDashboard">True to serve the Orleans Dashboard under <c>/dashboard</c>.</param>
public sealed record HttpOptions(IPEndPoint Listen, bool HasDashboard);

/// <summary>
/// Serves <c>/health</c> to anybody, and <c>/metrics</c> in Prometheus' text format and the dashboard to whoever gives the
/// run's token: as bearer, or as the password of any user, which is what a browser asks for.
/// </summary>
internal static class HttpEndpoint
{
    /// <summary>A builder whose host is also a web server.</summary>
    public static WebApplicationBuilder CreateBuilder(HttpOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(options.Listen));
        builder.Services.AddRouting();
        if (options.HasDashboard)
        {
            builder.UseOrleans(silo => silo.AddDashboard());
        }

        return builder;
    }

    public static IHost Build(WebApplicationBuilder builder, HttpOptions options, string token)
    {
        var app = builder.Build();
        app.Use((context, next) => context.Request.Path == "/health" || HttpToken.IsGiven(context.Request, token) ? next(context) : HttpToken.RefuseAsync(context.Response));
        app.UseRouting();
        app.MapGet("/health", (RequestDelegate)(context => context.Response.WriteAsync("ok")));
        app.MapGet("/metrics", (RequestDelegate)WriteMetricsAsync);
        if (options.HasDashboard)
        {
            app.MapOrleansDashboard("/dashboard");
        }

        return app;
    }

    private static async Task WriteMetricsAsync(HttpContext context)
    {
        var run = context.RequestServices.GetRequiredService<IRunHosting>().RunId;
        var status = await context.RequestServices.GetRequiredService<IGrainFactory>().GetGrain<IRunGrain>(run).StatusAsync();
        context.Response.ContentType = "text/plain; version=0.0.4";
        await context.Response.WriteAsync(Metrics(run, status));
    }

    private static string Metrics(string run, RunStatus status)
    {
        var text = new StringBuilder();
        Add("epoch", "Activation of the run that hosts it.", status.Epoch);
        if (status.State is { } state)
        {
            Add("generation", "Generation that trains, or forms.", state.Generation);
            Add("committed_step", "Smallest step that all workers of the generation have committed.", state.CommittedStep);
            Add("recorded_step", "Last step in the ledger.", state.RecordedStep);
            Add("checkpoint_step", "Step of the last checkpoint; 0 when there is none.", state.LastCheckpoint?.Step ?? 0);
            Add("workers", "Workers of the generation that trains.", state.Members.Count(member => member.IsAssigned));
            Add("ended", "1 when the run has ended.", state.HasEnded ? 1 : 0);
        }

        return text.ToString();

        void Add(string name, string help, long value) => text.Append(
            CultureInfo.InvariantCulture,
            $"# HELP cliptrain_{name} {help}\n# TYPE cliptrain_{name} gauge\ncliptrain_{name}{{run=\"{run.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"}} {value}\n");
    }
}
