using System.Net;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Security;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Dashboard;

namespace ClipTrain.Coordinator.Processes;

/// <summary>Options of a coordinator's HTTP endpoint for probes, monitoring and browsers. The run itself does not use it.</summary>
/// <param name="Listen">Address and port.</param>
/// <param name="HasDashboard">True to serve the Orleans Dashboard under <c>/dashboard</c>.</param>
public sealed record HttpOptions(IPEndPoint Listen, bool HasDashboard);

/// <summary>
/// Serves <c>/health</c> to anybody, and <c>/metrics</c> in Prometheus' text format and the dashboard to requests with the run's token:
/// as a bearer token, or as the password of any user, which browsers can prompt for.
/// </summary>
internal static class HttpEndpoint
{
    /// <summary>A builder of a host with a web server.</summary>
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
        app.Use(
            (context, next) =>
                context.Request.Path == "/health" || HttpToken.IsGiven(context.Request, token)
                    ? next(context)
                    : HttpToken.RefuseAsync(context.Response)
        );
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
        var hosting = context.RequestServices.GetRequiredService<IRunHosting>();
        context.Response.ContentType = "text/plain; version=0.0.4";
        try
        {
            var status = await context.RequestServices.GetRequiredService<IGrainFactory>().GetGrain<IRunGrain>(hosting.RunId).StatusAsync();
            await context.Response.WriteAsync(PrometheusText.Of(hosting.RunId, status, hosting.LastStep));
        }
        catch (Exception error) when (error is OrleansException or TimeoutException or InvalidOperationException)
        {
            // Between a coordinator's death and the takeover, no process hosts the run.
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            await context.Response.WriteAsync($"No coordinator process hosts {hosting.RunId} at the moment.\n");
        }
    }
}
