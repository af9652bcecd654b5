using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>
/// A pool, two experiments and their runs on nodes that die, in a network that loses, delays and repeats messages, hosted by processes
/// that die between a write and its effects.
/// </summary>
internal sealed class PoolSimulation
{
    private static readonly string[] Experiments = ["e", "f"];
    private readonly Random _random;
    private readonly List<Action> _network = [];
    private readonly List<TrialEnd> _ends = [];
    private readonly Dictionary<string, Process> _runs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _stopped = new(StringComparer.Ordinal);
    private readonly HashSet<string> _completed = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NodeOffer?> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ExperimentState> _experiments = Experiments.ToDictionary(
        name => name,
        _ => new ExperimentState(),
        StringComparer.Ordinal
    );
    private readonly Dictionary<string, ExperimentState> _writtenExperiments = Experiments.ToDictionary(
        name => name,
        _ => new ExperimentState(),
        StringComparer.Ordinal
    );
    private PoolState _pool = new();
    private PoolState _writtenPool = new();
    private DateTimeOffset _now = PoolScript.Start;
    private int _incarnations;
    private bool _isCalm;

    public PoolSimulation(int seed)
    {
        _random = new Random(seed);
        foreach (var node in new[] { "a", "b", "c" })
        {
            Boot(node, _random.Next(1, 4));
        }
    }

    public PoolState PoolState => _pool;

    public IEnumerable<ExperimentState> ExperimentStates => _experiments.Values;

    public IEnumerable<TrialState> Trials => _experiments.Values.SelectMany(experiment => experiment.Trials);

    public void Step()
    {
        switch (_random.Next(40))
        {
            case < 22 when _network.Count > 0:
                Deliver();
                break;
            case < 26:
                Wait(_random.Next(1, 8));
                break;
            case < 28:
                Submit();
                break;
            case < 31:
                EndSomeRun();
                break;
            case 31:
                Boot(_nodes.Keys.ElementAt(_random.Next(3)), _random.Next(1, 4));
                break;
            case 32:
                Kill(_nodes.Keys.ElementAt(_random.Next(3)));
                break;
            case 33:
                _pool = RoundTrip(_writtenPool, CoordinatorJson.Default.PoolState);
                Pool(new PoolMessage.Tick());
                break;
            case 34:
                var name = Experiments[_random.Next(2)];
                _experiments[name] = RoundTrip(_writtenExperiments[name], CoordinatorJson.Default.ExperimentState);
                Experiment(name, new ExperimentMessage.Tick());
                break;
            case 35 when _random.Next(20) == 0:
                Experiment("f", new ExperimentMessage.Cancel("me"));
                break;
        }

        AssertWhole();
    }

    /// <summary>Stops all faults; with nodes available, every run must complete.</summary>
    public void Calm()
    {
        _isCalm = true;
        foreach (var node in _nodes.Keys.ToList())
        {
            Boot(node, 3);
        }

        for (var round = 0; round < 200 && !_experiments.Values.All(experiment => experiment.IsSettled); round++)
        {
            while (_network.Count > 0)
            {
                Deliver();
                AssertWhole();
            }

            EndSomeRun();
            Wait(5);
        }

        while (_network.Count > 0)
        {
            Deliver();
        }

        Assert.All(Trials, trial => Assert.True(trial.IsOver, $"{trial.Run} is still {trial.Status}: {trial.Text}"));
        Assert.Empty(_pool.Leases);
        Assert.Empty(_pool.Queue);
        Assert.All(Trials, trial => Assert.Equal(_completed.Contains(trial.Run), trial.Status == TrialStatus.Completed));
    }

    private void AssertWhole()
    {
        PoolScript.AssertWhole(_pool);
        foreach (var (run, process) in _runs.Where(entry => entry.Value.IsAlive))
        {
            // The experiment knows of every run that is alive, and no run is where another may be.
            var trial = Trials.Single(trial => trial.Run == run);
            Assert.True(
                trial.IsStarted && trial.Attempt == process.Start.Attempt.Number,
                $"{run} runs in attempt {process.Start.Attempt.Number} and is {trial.Status} in attempt {trial.Attempt}."
            );
            Assert.Contains(_pool.Leases, lease => lease.Number == process.Start.Lease.Number);
        }
    }

    private void Deliver()
    {
        var place = _random.Next(_network.Count);
        var message = _network[place];
        if (_isCalm || _random.Next(10) > 0)
        {
            _network.RemoveAt(place);
        }

        if (_isCalm || _random.Next(10) > 0)
        {
            message();
        }
    }

    private void Send(Action message) => _network.Add(message);

    private void Wait(int seconds)
    {
        _now += TimeSpan.FromSeconds(seconds);
        foreach (var offer in _nodes.Values.OfType<NodeOffer>())
        {
            Send(() => Pool(new PoolMessage.Offer(offer)));
        }

        foreach (var end in _ends)
        {
            Send(() => TellEnd(end));
        }

        Pool(new PoolMessage.Tick());
        foreach (var name in Experiments)
        {
            Experiment(name, new ExperimentMessage.Tick());
        }
    }

    private void Submit()
    {
        var name = Experiments[_random.Next(2)];
        var state = _experiments[name];
        if (state.EndedBecause is not null || state.Trials.Count >= 8)
        {
            return;
        }

        var devices = _random.Next(1, 4);
        var spec = new TrialSpec($"{state.Trials.Count}", "run.yaml", devices)
        {
            DevicesPerWorker = _random.Next(2) == 0 ? devices : 1,
            MaxAttempts = _random.Next(1, 3),
            MaxDeviceLosses = _random.Next(2, 30),
        };
        Experiment(
            name,
            new ExperimentMessage.Submit(
                new ExperimentSpec(name, "pool", [.. state.Trials.Select(trial => trial.Spec), spec]) { FailFast = name == "f" }
            )
        );
    }

    /// <summary>Starts or restarts a node; everything that ran on it is dead.</summary>
    private void Boot(string node, int devices)
    {
        Kill(node);
        var offer = new NodeOffer(node, "host", ++_incarnations, [.. Enumerable.Range(0, devices).Select(index => $"cuda:{index}")]);
        _nodes[node] = offer;
        Pool(new PoolMessage.Offer(offer));
    }

    private void Kill(string node)
    {
        _nodes[node] = null;
        foreach (
            var process in _runs.Values.Where(process => process.IsAlive && process.Start.Lease.Devices.Any(device => device.Node == node))
        )
        {
            End(process, _random.Next(2) == 0 ? TrialEndKind.DevicesLost : TrialEndKind.Failed);
        }
    }

    private void EndSomeRun()
    {
        if (_runs.Values.Where(process => process.IsAlive).OrderBy(_ => _random.Next()).FirstOrDefault() is { } process)
        {
            End(process, _isCalm ? TrialEndKind.Completed : (TrialEndKind)_random.Next(5));
        }
    }

    private void End(Process process, TrialEndKind kind)
    {
        var end = process.End = new TrialEnd(process.Start.Attempt, kind, "the end");
        if (kind == TrialEndKind.Completed)
        {
            _completed.Add(process.Start.Attempt.Run);
        }

        _ends.Add(end);
        Send(() => TellEnd(end));
    }

    private void TellEnd(TrialEnd end)
    {
        Experiment(end.Attempt.Run.Split('/')[0], new ExperimentMessage.Ended(end));
        _ends.Remove(end);
    }

    private void Pool(PoolMessage message)
    {
        var result = PoolMachine.Handle(_pool, message, _now);
        PoolScript.AssertOrder(_pool, result.State);
        _pool = result.State;
        if (result.MustPersist)
        {
            _writtenPool = _pool;
        }

        foreach (var lease in result.Told)
        {
            Send(() =>
                Experiment(lease.Request.Experiment, new ExperimentMessage.PoolAnswered([new LeaseAnswer(lease.Attempt, lease, null)]))
            );
        }
    }

    private void Experiment(string name, ExperimentMessage message)
    {
        var result = ExperimentMachine.Handle(_experiments[name], message, _now);
        _experiments[name] = result.State;
        if (result.MustPersist)
        {
            _writtenExperiments[name] = result.State;
        }

        foreach (var effect in result.Effects)
        {
            Send(() => CarryOut(name, effect));
        }
    }

    private void CarryOut(string name, ExperimentEffect effect)
    {
        switch (effect)
        {
            case ExperimentEffect.Acquire acquire:
                Pool(new PoolMessage.Acquire([acquire.Request]));
                var answer = new PoolAnswers(_pool).To(acquire.Request);
                Send(() => Experiment(name, new ExperimentMessage.PoolAnswered([answer])));
                break;
            case ExperimentEffect.Release release:
                Pool(new PoolMessage.Release([release.Attempt]));
                Send(() => Experiment(name, new ExperimentMessage.Released([release.Attempt])));
                break;
            case ExperimentEffect.Start start:
                Launch(start.Run);
                Send(() => Experiment(name, new ExperimentMessage.Started(start.Run.Attempt)));
                break;
            case ExperimentEffect.Stop stop:
                var end = Stop(stop.Lease.Attempt);
                Send(() => Experiment(name, new ExperimentMessage.Ended(end)));
                break;
        }
    }

    private void Launch(TrialStart start)
    {
        var run = start.Attempt.Run;
        var newest = Math.Max(_stopped.GetValueOrDefault(run), _runs.GetValueOrDefault(run)?.Start.Attempt.Number ?? 0);
        if (start.Attempt.Number <= newest)
        {
            return;
        }

        Assert.DoesNotContain(run, _completed);
        Assert.False(_runs.GetValueOrDefault(run) is { IsAlive: true }, $"{run} is started twice.");
        var process = new Process(start);
        _runs[run] = process;
        foreach (
            var other in _runs
                .Values.Where(other => other != process && other.IsAlive && other.Start.Lease.Devices.Intersect(start.Lease.Devices).Any())
                .ToList()
        )
        {
            // The pool lost sight of a node that lives: the node itself sees to it that the later lease prevails.
            Assert.Contains(
                _pool.Leases,
                lease => lease.Revoked is not null && lease.Number == Math.Min(other.Start.Lease.Number, start.Lease.Number)
            );
            End(other.Start.Lease.Number < start.Lease.Number ? other : process, TrialEndKind.DevicesLost);
        }

        if (
            process.IsAlive
            && start.Lease.Devices.Any(device => _nodes[device.Node]?.Devices.Contains(device.Name, StringComparer.Ordinal) != true)
        )
        {
            End(process, TrialEndKind.DevicesLost);
        }
    }

    private TrialEnd Stop(RunAttempt attempt)
    {
        _stopped[attempt.Run] = Math.Max(attempt.Number, _stopped.GetValueOrDefault(attempt.Run));
        if (_runs.GetValueOrDefault(attempt.Run) is not { } process || process.Start.Attempt != attempt)
        {
            return new TrialEnd(attempt, TrialEndKind.Stopped);
        }

        return process.End ??= new TrialEnd(attempt, TrialEndKind.Stopped);
    }

    private static T RoundTrip<T>(T value, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(JsonSerializer.Serialize(value, type), type)!;

    private sealed class Process(TrialStart start)
    {
        public TrialStart Start { get; } = start;

        public TrialEnd? End { get; set; }

        public bool IsAlive => End is null;
    }
}
