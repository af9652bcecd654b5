using System.Globalization;
using System.Text.Json;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Trainer.Runs;
using CsvHelper;

namespace ClipTrain.Cli.Runs;

/// <summary>An evaluated checkpoint.</summary>
/// <param name="Step">Its step.</param>
/// <param name="Results">Its figures.</param>
/// <param name="Samples">Pairs trained on up to the step; null in files of earlier versions.</param>
public sealed record EvaluatedStep(long Step, IReadOnlyList<ResultRow> Results, long? Samples = null);

/// <summary>
/// The figures of a run's evaluated checkpoints: <c>evaluation/evaluation.jsonl</c>, one line a step, and the same as a table,
/// <c>evaluation.csv</c>, one row a figure. Each step occurs once, in order, however often the run resumes, rolls back or is taken over.
/// A host that was suspended and replaced writes no more when it wakes.
/// </summary>
public sealed class EvaluationHistory
{
    private readonly RunFiles _files;
    private readonly long _term;
    private readonly SortedDictionary<long, EvaluatedStep> _steps = [];

    /// <summary>Opens the files. Drops the steps after <paramref name="resumedStep"/>, which will be repeated.</summary>
    /// <param name="files">The run's files. The term's ledger is open.</param>
    /// <param name="term">Term of the host that writes.</param>
    /// <param name="resumedStep">Step that the run continues from.</param>
    /// <exception cref="IOException">The files cannot be read or replaced.</exception>
    public EvaluationHistory(RunFiles files, long term, long resumedStep)
    {
        (_files, _term) = (files, term);
        if (!File.Exists(files.EvaluationLines))
        {
            return;
        }

        foreach (
            var line in File.ReadLines(files.EvaluationLines).Select(Parse).OfType<EvaluatedStep>().Where(line => line.Step <= resumedStep)
        )
        {
            _steps[line.Step] = line;
        }

        Write();
    }

    /// <summary>The evaluated steps, in order.</summary>
    public IEnumerable<EvaluatedStep> Steps => _steps.Values;

    /// <summary>Adds a step, or replaces its figures. Returns false if another host has taken over the run.</summary>
    /// <exception cref="IOException">The files cannot be replaced.</exception>
    public bool Add(EvaluatedStep evaluated)
    {
        if (!FileRunLedger.IsNewest(_files.Ledger, _term))
        {
            return false;
        }

        _steps[evaluated.Step] = evaluated;
        Write();
        return true;
    }

    /// <summary>Replaces both files. There are few evaluations, and a killed process leaves no half line.</summary>
    private void Write()
    {
        var lines = Steps.Select(step => JsonSerializer.Serialize(step, TelemetryJson.OneLine));
        WholeFile.Write(_files.EvaluationLines, aside => File.WriteAllLines(aside, lines));
        WholeFile.Write(_files.EvaluationTable, WriteTable);
    }

    private void WriteTable(string path)
    {
        using var csv = CsvWriter.ToFile(path, new CsvWriterOptions { NewLine = "\n" });
        Row(csv, ["step", "samples", "set", "task", "metric", "value", "low", "high"]);
        foreach (var (step, results, samples) in Steps)
        {
            foreach (var row in results)
            {
                Row(csv, [step, samples, row.Set, row.Task, row.Metric, row.Value, row.Low, row.High]);
            }
        }
    }

    private static void Row(CsvWriter csv, IEnumerable<object?> fields)
    {
        foreach (var field in fields)
        {
            csv.WriteField(Convert.ToString(field, CultureInfo.InvariantCulture) ?? "");
        }

        csv.EndRecord();
    }

    /// <summary>Null for a line that an earlier version left half-written.</summary>
    private static EvaluatedStep? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<EvaluatedStep>(line, TelemetryJson.OneLine);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
