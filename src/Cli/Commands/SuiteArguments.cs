using System.CommandLine;
using System.Globalization;
using ClipTrain.Cli.Config;
using ClipTrain.Cli.Evaluation;
using ClipTrain.Cli.Evaluation.Pools;
using ClipTrain.Cli.Evaluation.Workers;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>Options of the commands that evaluate models on a suite, and the evaluation itself.</summary>
internal sealed class SuiteArguments
{
    /// <summary>The limit of data.threads.</summary>
    private const int MostWorkers = 1024;

    private readonly Option<string?> _suite = new("--suite")
    {
        Description = "Suite file with evaluation sets and tasks (see docs/evaluation.md).",
    };
    private readonly Option<int> _workers = new("--workers")
    {
        Description =
            "Number of processes on this machine that embed the suite's images and texts; with --coordinator, on each set's node, with a "
            + "core or GPU for each. The results do not depend on it.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<string> _device = new("--device")
    {
        Description = "cpu, cuda:N, or cuda (worker i uses device i; on a pool, GPUs of its nodes).",
        DefaultValueFactory = _ => "cpu",
    };

    private readonly RemoteArguments _pool = new(of: "pool");

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command, bool suiteRequired = false)
    {
        _suite.Required = suiteRequired;
        command.Add(_suite);
        command.Add(_workers);
        command.Add(_device);
        _pool.AddTo(command);
    }

    /// <summary>The suite file; null if none is given.</summary>
    public string? Suite(ParseResult parsed) => parsed.GetValue(_suite);

    /// <exception cref="UsageException">
    /// The number of workers is out of range, or the options of a pool are incomplete or name a device.
    /// </exception>
    public EncodingPlan Plan(ParseResult parsed)
    {
        var (workers, device) = (parsed.GetValue(_workers), parsed.GetRequiredValue(_device));
        if (workers is < 1 or > MostWorkers)
        {
            throw new UsageException($"{_workers.Name} is {workers}; it must be from 1 to {MostWorkers}.");
        }

        if (!_pool.IsGiven(parsed))
        {
            return new EncodingPlan(workers, device, EvalWorkerCommand.Launch);
        }

        return device is "cpu" or "cuda"
            ? EncodingPlan.Alone with
            {
                Sets = new PoolSets(_pool.Of(parsed), new SetEncoding(workers, device)),
            }
            : throw new UsageException($"{_device.Name} is {device}, but a pool chooses the device: give cpu or cuda.");
    }

    /// <summary>Throws if the command line divides a suite where there is none.</summary>
    /// <exception cref="UsageException">There are several workers, another device than the CPU, or a pool.</exception>
    public void RequireNoPlan(ParseResult parsed)
    {
        if (Plan(parsed) is not { Workers: 1, Device: "cpu", Sets: null })
        {
            throw new UsageException(
                $"{_workers.Name}, {_device.Name} and a pool are for suites; splits are evaluated by one process on the CPU."
            );
        }
    }

    /// <summary>Evaluates a model, prints the metrics and, if an output folder is given, writes them there.</summary>
    public static int Run(SuiteRequest request)
    {
        var suite = SuiteConfig.Load(request.SuiteFile);
        using var log = LogSetup.Create(AnsiConsole.Console);
        using var opened = ModelFolder.Open(request.Model, request.Architecture);
        OutputPlace.RequireFolder(request.Output);
        var model = new SuiteModel(opened, request.Model, request.Architecture);
        var result = SuiteEvaluation.Run(model, suite, request.Scope(suite), request.Plan, log);
        AnsiConsole.Write(Draw(result.Rows));
        if (request.Output is { } output)
        {
            SuiteEvaluation.Write(output, result);
            log.Information("wrote the report to {Report:l}", Path.Combine(output, SuiteEvaluation.ReportFile));
        }

        return ExitCodes.Ok;
    }

    private static Table Draw(IReadOnlyList<ResultRow> rows)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("set").AddColumn("task").AddColumn("figure");
        foreach (var column in new[] { "value", "95% interval", "n" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }

        foreach (var row in rows)
        {
            table.AddRow(
                new Text(row.Set),
                new Text(row.Task.Replace('_', ' ')),
                new Text(row.Metric),
                new Text(Number(row.Value)),
                new Text(row is { Low: { } low, High: { } high } ? $"{Number(low)} to {Number(high)}" : ""),
                new Text(Readable.Count(row.N))
            );
        }

        return table;

        static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
    }
}

/// <summary>An evaluation of a model on a suite.</summary>
/// <param name="Model">Path of the model.</param>
/// <param name="SuiteFile">The suite file.</param>
/// <param name="Scope">Parts of the suite to run.</param>
/// <param name="Plan">Where images and texts are embedded.</param>
/// <param name="Output">Output folder; null for none.</param>
internal sealed record SuiteRequest(string Model, string SuiteFile, Func<SuiteOptions, SuiteScope> Scope, EncodingPlan Plan, string? Output)
{
    /// <summary>Architecture of a bare weights file.</summary>
    public string? Architecture { get; init; }
}
