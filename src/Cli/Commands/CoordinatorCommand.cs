using System.CommandLine;
using System.Net;
using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain coordinator CONFIG|RUN [--listen ADDRESS:PORT] …</c>: hosts a run that nodes and workers join over the
/// network. <c>cliptrain standby RUN</c>: takes the run over when its coordinator dies; every coordinator starts one.
/// </summary>
public static class CoordinatorCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("CONFIG|RUN") { Description = "Run file (YAML), or the directory of a run to continue." };
        var sets = TrainCommand.SetOption();
        var hosting = new HostingArguments();
        var managed = TrainCommand.ManagedOption();
        var command = new Command("coordinator", "Host a run that workers join from this and other machines.") { run, sets, managed };
        hosting.AddTo(command);
        command.SetAction(async parsed =>
        {
            using var signals = new StopSignals();
            var isManaged = parsed.GetValue(managed);
            if (isManaged)
            {
                signals.EndWithParent();
            }

            return await new CoordinatorProcess(
                PreparedRun.Open(parsed.GetRequiredValue(run), parsed.GetRequiredValue(sets)),
                hosting.Of(parsed) with
                {
                    IsManaged = isManaged,
                },
                signals
            ).RunOrStandByAsync();
        });
        return command;
    }

    public static Command CreateStandby()
    {
        var run = new Argument<string>("RUN") { Description = "Run directory." };
        var startsWorkers = new Option<bool>("--starts-workers") { Description = "Start the run's workers on this machine." };
        var hosting = new HostingArguments();
        var command = new Command(
            "standby",
            "Stand by to take over a run when its coordinator dies. Coordinators start a local standby; one on another machine "
                + "survives them."
        )
        {
            run,
            startsWorkers,
        };
        hosting.AddTo(command);
        command.SetAction(async parsed =>
        {
            using var signals = new StopSignals();
            var options = hosting.Of(parsed) with { StartsWorkers = parsed.GetValue(startsWorkers) };
            return await new CoordinatorProcess(
                PreparedRun.Resume(parsed.GetRequiredValue(run), step: null),
                options,
                signals
            ).StandByAsync(leavesOnSignal: !hosting.IsOfCoordinator(parsed));
        });
        return command;
    }
}

/// <summary>Options for listening addresses, the token and TLS, shared by the commands that host a run or a pool.</summary>
/// <param name="isOfRun">True for a run, which has the options for a standby's port and HTTP.</param>
internal sealed class HostingArguments(bool isOfRun = true)
{
    private readonly Option<string> _listen = new("--listen")
    {
        Description =
            "Address and port for workers; the next port serves other coordinators. Addresses other than loopback require a token.",
        DefaultValueFactory = _ => "127.0.0.1:0",
    };
    private readonly Option<int?> _firstPort = new("--first-port")
    {
        Description = "Port that workers know, for a standby that listens on another one.",
        Hidden = true,
    };
    private readonly Option<string?> _advertise = new("--advertise")
    {
        Description = "Address at which other machines reach this one. Default: the address of --listen, or this machine's own.",
    };
    private readonly CredentialArguments _credentials = new(isOfRun ? "run" : "pool");
    private readonly Option<string?> _http = new("--http")
    {
        Description = "Address and port that serve /health and, with the token, /metrics.",
    };
    private readonly Option<bool> _dashboard = new("--dashboard")
    {
        Description = "Also serve the Orleans Dashboard, at /dashboard of --http.",
    };

    public void AddTo(Command command)
    {
        command.Add(_listen);
        command.Add(_advertise);
        _credentials.AddTo(command);
        if (isOfRun)
        {
            command.Add(_firstPort);
            command.Add(_http);
            command.Add(_dashboard);
        }
    }

    /// <summary>True for a standby that a coordinator started.</summary>
    public bool IsOfCoordinator(ParseResult parsed) => parsed.GetValue(_firstPort) is not null;

    public HostingOptions Of(ParseResult parsed) =>
        new()
        {
            Listen = Endpoint(_listen.Name, parsed.GetRequiredValue(_listen)),
            FirstPort = (isOfRun ? parsed.GetValue(_firstPort) : null) ?? Endpoint(_listen.Name, parsed.GetRequiredValue(_listen)).Port,
            Http = isOfRun ? Http(parsed) : null,
            Advertised =
                parsed.GetValue(_advertise) is not { } address ? null
                : IPAddress.TryParse(address, out var advertised) ? advertised
                : throw new UsageException($"--advertise must be an IP address such as 10.0.0.1, not '{address}'."),
            Token = _credentials.Token(parsed),
            TokenFile = _credentials.TokenFile(parsed),
            Tls = _credentials.Tls(parsed),
        };

    private HttpOptions? Http(ParseResult parsed) =>
        (parsed.GetValue(_http), parsed.GetValue(_dashboard)) switch
        {
            ({ } address, var dashboard) => new HttpOptions(Endpoint(_http.Name, address), dashboard),
            (null, true) => throw new UsageException("--dashboard needs --http, e.g. --http 127.0.0.1:8080."),
            _ => null,
        };

    private static IPEndPoint Endpoint(string option, string text) =>
        IPEndPoint.TryParse(text, out var endpoint)
            ? endpoint
            : throw new UsageException($"{option} must be an address and port such as 0.0.0.0:7700, not '{text}'.");
}
