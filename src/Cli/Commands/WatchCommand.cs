using System.CommandLine;
using System.Net;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Experiments.Sweeps;
using ClipTrain.Monitoring.Page;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain watch [RUN…]</c>: serves a live page of runs on disk. <c>cliptrain report RUN… -o FILE</c>: writes the
/// page as one self-contained file.
/// </summary>
public static class WatchCommand
{
    public static Command Create()
    {
        var runs = Runs(
            "Runs and sweeps: directories, or names under runs/ and sweeps/. Default: all there, including new ones.",
            ArgumentArity.ZeroOrMore
        );
        var listen = new Option<string>("--listen")
        {
            Description = "Address and port of the page. Addresses other than loopback require a token.",
            DefaultValueFactory = _ => "127.0.0.1:0",
        };
        var tokenFile = new Option<string?>("--token-file")
        {
            Description = "File that contains the token; browsers enter it as the password.",
        };
        var opens = new Option<bool>("--open") { Description = "Open the page in the browser." };
        var command = new Command("watch", "Serve a live page of runs and sweeps with curves, laws, ranks, events and metrics.")
        {
            runs,
            listen,
            tokenFile,
            opens,
        };
        command.SetAction(
            (parsed, _) =>
                ServeAsync(
                    Watched.Of(parsed.GetRequiredValue(runs)),
                    Endpoint(parsed.GetRequiredValue(listen)),
                    AccessToken.Find(null, parsed.GetValue(tokenFile), Console.Error.WriteLine),
                    parsed.GetValue(opens)
                )
        );
        return command;
    }

    public static Command CreateReport()
    {
        var runs = Runs("Runs and sweeps: directories, or names under runs/ and sweeps/.", ArgumentArity.OneOrMore);
        var output = new Option<string>("--out", "-o") { Description = "Output HTML page.", DefaultValueFactory = _ => "run.html" };
        var command = new Command("report", "Write the page of runs and sweeps as one self-contained HTML file.") { runs, output };
        command.SetAction(
            async (parsed, _) =>
            {
                var watched = Watched.Of(parsed.GetRequiredValue(runs));
                await RunReportPage.WriteAsync(
                    parsed.GetRequiredValue(output),
                    watched.Runs(),
                    TimeProvider.System,
                    new WatchedSweeps(watched.Sweeps)
                );
                await Console.Out.WriteLineAsync($"The report is {parsed.GetRequiredValue(output)}.");
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    private static Argument<string[]> Runs(string description, ArgumentArity arity) =>
        new("RUN") { Description = description, Arity = arity };

    private static async Task<int> ServeAsync(Watched watched, IPEndPoint listen, string? token, bool opens)
    {
        if (token is null && !IPAddress.IsLoopback(listen.Address))
        {
            throw new UsageException(
                $"--listen {listen} is reachable from other machines: give --token-file FILE with the password for browsers."
            );
        }

        using var signals = new StopSignals(endsWithTerminal: true);
        await using var page = await PageServer.StartAsync(
            listen,
            token,
            new RunBoard(watched.Runs, TimeProvider.System, new WatchedSweeps(watched.Sweeps))
        );
        await Console.Out.WriteLineAsync($"The page is {page.Address}  (Ctrl-C to stop)");
        if (opens)
        {
            Browser.Open(page.Address);
        }

        await signals.First;
        return ExitCodes.Ok;
    }

    private static IPEndPoint Endpoint(string text) =>
        IPEndPoint.TryParse(text, out var endpoint)
            ? endpoint
            : throw new UsageException($"--listen must be an address and port such as 127.0.0.1:8080, not '{text}'.");

    /// <summary>What the page shows.</summary>
    /// <param name="Runs">Directories of the runs, among them the trials of sweeps that the user named.</param>
    /// <param name="Sweeps">Folders of the sweeps.</param>
    private sealed record Watched(Func<IReadOnlyList<string>> Runs, Func<IReadOnlyList<string>> Sweeps)
    {
        /// <exception cref="UsageException">A name is neither that of a run nor that of a sweep.</exception>
        public static Watched Of(string[] names)
        {
            if (names.Length == 0)
            {
                return new(() => RunFiles.All(new OutputOptions().Directory), WatchedSweeps.All);
            }

            string[] sweeps = [.. names.Select(WatchedSweeps.Find).OfType<string>()];
            string[] runs = [.. names.Where(name => WatchedSweeps.Find(name) is null).Select(name => RunFiles.Find(name).Directory)];
            return new(() => [.. runs, .. sweeps.SelectMany(sweep => RunFiles.All(new SweepFolder(sweep).Trials))], () => sweeps);
        }
    }
}
