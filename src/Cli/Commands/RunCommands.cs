using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain status [RUN]</c>, <c>cliptrain stop RUN</c> and <c>cliptrain checkpoint RUN</c>: query and control a
/// run on any host.
/// </summary>
public static class RunCommands
{
    public static Command CreateStatus()
    {
        var run = new Argument<string?>("RUN")
        {
            Description = "Run directory, or its name under runs/. Default: all runs there.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var remote = new RemoteArguments();
        var command = new Command("status", "Show a run's progress, host and workers.") { run };
        remote.AddTo(command);
        command.SetAction(async parsed =>
        {
            if (parsed.GetValue(run) is null && !remote.IsGiven(parsed))
            {
                return await RunStatusView.ShowAllAsync();
            }

            await using var connection = await ConnectAsync(parsed.GetValue(run), remote, parsed);
            RunStatusView.Show(connection.RunId, await connection.StatusAsync());
            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command CreateStop()
    {
        var run = Run();
        var now = new Option<bool>("--now") { Description = "Stop immediately, without a checkpoint." };
        var remote = new RemoteArguments();
        var command = new Command("stop", "Stop a run after writing a checkpoint.") { run, now };
        remote.AddTo(command);
        command.SetAction(async parsed =>
        {
            await using var connection = await ConnectAsync(parsed.GetValue(run), remote, parsed);
            await connection.StopAsync("cliptrain stop", parsed.GetValue(now));
            AnsiConsole.MarkupLineInterpolated(
                parsed.GetValue(now)
                    ? (FormattableString)$"{connection.RunId} is stopping."
                    : $"{connection.RunId} is stopping at a checkpoint."
            );
            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command CreateCheckpoint()
    {
        var run = Run();
        var remote = new RemoteArguments();
        var command = new Command("checkpoint", "Make a run write a checkpoint now.") { run };
        remote.AddTo(command);
        command.SetAction(async parsed =>
        {
            await using var connection = await ConnectAsync(parsed.GetValue(run), remote, parsed);
            await connection.RequestCheckpointAsync();
            AnsiConsole.MarkupLineInterpolated($"{connection.RunId} writes a checkpoint after its next step.");
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Argument<string?> Run() =>
        new("RUN")
        {
            Description = "Run directory, or its name under runs/; with --coordinator the run's name.",
            Arity = ArgumentArity.ZeroOrOne,
        };

    private static Task<RunConnection> ConnectAsync(string? run, RemoteArguments remote, ParseResult parsed)
    {
        if (remote.IsGiven(parsed))
        {
            return RunConnection.ToRemoteAsync(remote.Of(parsed));
        }

        return RunConnection.ToLocalAsync(
            RunFiles.Find(run ?? throw new UsageException("RUN is missing: give a run directory, or a name under runs/.")),
            waits: false
        );
    }
}

/// <summary>Options for connecting to a coordinator on another machine.</summary>
/// <param name="waits">True for processes that may start before their coordinator; they get <c>--wait</c>.</param>
/// <param name="of">What the coordinator hosts, for descriptions.</param>
internal sealed class RemoteArguments(bool waits = false, string of = "run")
{
    private readonly Option<int> _wait = new("--wait")
    {
        Description = "Seconds to wait for a coordinator that does not answer yet.",
        DefaultValueFactory = _ => 600,
    };
    private readonly Option<string?> _coordinator = new("--coordinator") { Description = "HOST:PORT of a coordinator." };
    private readonly CredentialArguments _credentials = new(of);

    public void AddTo(Command command)
    {
        command.Add(_coordinator);
        _credentials.AddTo(command);
        if (waits)
        {
            command.Add(_wait);
        }
    }

    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_coordinator) is not null;

    /// <exception cref="UsageException">The coordinator or the token is missing.</exception>
    public RemoteOptions Of(ParseResult parsed)
    {
        var options = new RemoteOptions(
            parsed.GetValue(_coordinator)
                ?? throw new UsageException("--coordinator is missing: give --coordinator HOST:PORT, e.g. node1:7700."),
            Token(parsed),
            Tls(parsed)
        );
        return waits ? options with { Patience = Wait(parsed), Tell = Console.Error.WriteLine } : options;
    }

    /// <exception cref="UsageException">The token is missing.</exception>
    public string Token(ParseResult parsed) =>
        _credentials.Token(parsed)
        ?? throw new UsageException($"The token of the {of} is missing: give --token-file FILE, or set {AccessToken.Variable}.");

    public TlsFiles Tls(ParseResult parsed) => _credentials.Tls(parsed);

    private TimeSpan Wait(ParseResult parsed) =>
        parsed.GetValue(_wait) is >= 0 and var seconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new UsageException($"--wait must be 0 or more seconds, not {parsed.GetValue(_wait)}.");
}

/// <summary>Options for the token and TLS of a process of a run or pool.</summary>
/// <param name="of">Which of the two, for descriptions.</param>
internal sealed class CredentialArguments(string of)
{
    private readonly Option<string?> _token = new("--token")
    {
        Description = $"Token of the {of}. Other users can see command lines: prefer --token-file or {AccessToken.Variable}.",
    };
    private readonly Option<string?> _tokenFile = new("--token-file") { Description = $"File that contains the token of the {of}." };
    private readonly Option<string?> _certificate = new("--certificate")
    {
        Description = "PEM certificate of this process; enables mutual TLS (with --key and --ca).",
    };
    private readonly Option<string?> _key = new("--key") { Description = "PEM private key of the certificate." };
    private readonly Option<string?> _authority = new("--ca")
    {
        Description = $"PEM certificate of the authority that signs the certificates of all processes of the {of}.",
    };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _token, _tokenFile, _certificate, _key, _authority })
        {
            command.Add(option);
        }
    }

    /// <summary>The token of the options or the environment; null if there is none.</summary>
    public string? Token(ParseResult parsed) => AccessToken.Find(parsed.GetValue(_token), TokenFile(parsed), Console.Error.WriteLine);

    public string? TokenFile(ParseResult parsed) => parsed.GetValue(_tokenFile);

    public TlsFiles Tls(ParseResult parsed) => new(parsed.GetValue(_certificate), parsed.GetValue(_key), parsed.GetValue(_authority));
}
