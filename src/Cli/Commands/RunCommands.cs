using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>
/// <c>cliptrain status [RUN]</c>, <c>cliptrain stop RUN</c> and <c>cliptrain checkpoint RUN</c>: reach a run wherever it is hosted.
/// </summary>
public static class RunCommands
{
    public static Command CreateStatus()
    {
        var run = new Argument<string?>("RUN")
        {
            Description = "The run's directory, or its name under runs/; all runs there when left out.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var remote = new RemoteArguments();
        var command = new Command("status", "Show where a run is hosted, who trains it and how far it is.") { run };
        remote.AddTo(command);
        command.SetAction(async parsed =>
        {
            if (parsed.GetValue(run) is null && !remote.IsGiven(parsed))
                return await RunStatusView.ShowAllAsync();
            await using var connection = await ConnectAsync(parsed.GetValue(run), remote, parsed);
            RunStatusView.Show(connection.RunId, await connection.StatusAsync());
            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command CreateStop()
    {
        var run = Run();
        var now = new Option<bool>("--now") { Description = "Stop at once, without a checkpoint." };
        var remote = new RemoteArguments();
        var command = new Command("stop", "Stop a run at a checkpoint.") { run, now };
        remote.AddTo(command);
        command.SetAction(async parsed =>
        {
            await using var connection = await ConnectAsync(parsed.GetValue(run), remote, parsed);
            await connection.StopAsync("cliptrain stop", parsed.GetValue(now));
            AnsiConsole.MarkupLineInterpolated(
                parsed.GetValue(now) ? (FormattableString)$"{connection.RunId} stops." : $"{connection.RunId} stops at a checkpoint."
            );
            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command CreateCheckpoint()
    {
        var run = Run();
        var remote = new RemoteArguments();
        var command = new Command("checkpoint", "Have a run write a checkpoint now.") { run };
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
            Description = "The run's directory, or its name under runs/; with --coordinator its name.",
            Arity = ArgumentArity.ZeroOrOne,
        };

    private static Task<RunConnection> ConnectAsync(string? run, RemoteArguments remote, ParseResult parsed)
    {
        if (remote.IsGiven(parsed))
            return RunConnection.ToRemoteAsync(remote.Of(parsed));
        return RunConnection.ToLocalAsync(
            RunFiles.Find(run ?? throw new UsageException("Name the run: its directory, or its name under runs/.")),
            waits: false
        );
    }
}

/// <summary>The options by which a command reaches a coordinator on another machine.</summary>
internal sealed class RemoteArguments
{
    private readonly Option<string?> _coordinator = new("--coordinator") { Description = "A coordinator's HOST:PORT." };
    private readonly Option<string?> _token = new("--token")
    {
        Description = "The run's token. Others see a command line: prefer --token-file, or the variable CLIPTRAIN_TOKEN.",
    };
    private readonly Option<string?> _tokenFile = new("--token-file") { Description = "File with the run's token." };
    private readonly Option<string?> _authority = new("--ca")
    {
        Description = "PEM certificate of the authority to trust: the connection is encrypted.",
    };
    private readonly Option<string?> _certificate = new("--certificate") { Description = "PEM certificate of this process." };
    private readonly Option<string?> _key = new("--key") { Description = "PEM private key of the certificate." };

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _coordinator, _token, _tokenFile, _authority, _certificate, _key })
            command.Add(option);
    }

    public bool IsGiven(ParseResult parsed) => parsed.GetValue(_coordinator) is not null;

    /// <exception cref="UsageException">The coordinator or the token is missing.</exception>
    public RemoteOptions Of(ParseResult parsed) =>
        new(
            parsed.GetValue(_coordinator) ?? throw new UsageException("Say which coordinator: --coordinator HOST:PORT, as in node1:7700."),
            AccessToken.Find(parsed.GetValue(_token), parsed.GetValue(_tokenFile))
                ?? throw new UsageException($"The run's token is needed: give --token-file FILE, or set {AccessToken.Variable}."),
            new TlsFiles(parsed.GetValue(_certificate), parsed.GetValue(_key), parsed.GetValue(_authority))
        );
}
