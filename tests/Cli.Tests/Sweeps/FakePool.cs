using System.Reflection;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Cli.Tests.Sweeps;

/// <summary>A pool without nodes, whose experiments follow the rules. The test starts and ends their trials.</summary>
internal sealed class FakePool
{
    private readonly Dictionary<string, Experiment> _experiments = new(StringComparer.Ordinal);

    public FakePool()
    {
        Grains = DispatchProxy.Create<IGrainFactory, GrainFactory>();
        ((GrainFactory)Grains).Pool = this;
    }

    public IGrainFactory Grains { get; }

    /// <summary>Called as a submission arrives.</summary>
    public Action<ExperimentSpec> OnSubmit { get; set; } = _ => { };

    /// <summary>True while no call for a state is answered.</summary>
    public bool IsAbsent { get; set; }

    /// <summary>The experiments that have trials, in order.</summary>
    public IReadOnlyList<ExperimentState> Experiments =>
        [.. _experiments.Values.Select(experiment => experiment.State).Where(state => state.Spec is not null)];

    /// <summary>Loses all experiments, as a pool without its directory.</summary>
    public void Lose() => _experiments.Clear();

    /// <summary>Gives the newest experiment a core for a trial, which runs there.</summary>
    public void Start(string trial)
    {
        var (experiment, attempt) = Attempt(trial);
        var lease = new Lease(1, new LeaseRequest(attempt, experiment.State.Spec!.Name, 1), [new PoolDevice("node", "cpu:0")]);
        experiment.Handle(new ExperimentMessage.PoolAnswered([new LeaseAnswer(attempt, lease, Waiting: null)]));
        experiment.Handle(new ExperimentMessage.Started(attempt));
    }

    /// <summary>Tells the newest experiment why a trial waits.</summary>
    public void Wait(string trial, string why)
    {
        var (experiment, attempt) = Attempt(trial);
        experiment.Handle(new ExperimentMessage.PoolAnswered([new LeaseAnswer(attempt, Lease: null, why)]));
    }

    /// <summary>Ends the attempt of a trial in the newest experiment.</summary>
    public void End(string trial, TrialEndKind kind, double seconds)
    {
        var (experiment, attempt) = Attempt(trial);
        experiment.Handle(new ExperimentMessage.Ended(new TrialEnd(attempt, kind, "reason") { DeviceSeconds = seconds }));
    }

    /// <summary>Stops the newest experiment: its running trials stop when the test ends them.</summary>
    public void Stop() => _experiments.Values.Last().Handle(new ExperimentMessage.Cancel("test"));

    private (Experiment Experiment, RunAttempt Attempt) Attempt(string trial)
    {
        var experiment = _experiments.Values.Last();
        var state = experiment.State.Trials.Single(state => state.Spec.Id == trial);
        return (experiment, new RunAttempt(state.Run, state.Attempt));
    }

    private object Grain(Type grain, string name)
    {
        if (grain == typeof(IPoolGrain))
        {
            return new Devices();
        }

        if (!_experiments.TryGetValue(name, out var experiment))
        {
            _experiments.Add(name, experiment = new Experiment(this));
        }

        return experiment;
    }

    public class GrainFactory : DispatchProxy
    {
        internal FakePool Pool { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
            Pool.Grain(targetMethod!.ReturnType, (string)args![0]!);
    }

    private sealed class Devices : IPoolGrain
    {
        public Task<PoolState> StateAsync() => Task.FromResult(new PoolState());

        public Task OfferAsync(NodeOffer offer) => throw new NotSupportedException();

        public Task WithdrawAsync(string node, long incarnation) => throw new NotSupportedException();

        public Task<LeaseAnswer[]> AcquireAsync(LeaseRequest[] requests) => throw new NotSupportedException();

        public Task ReleaseAsync(RunAttempt[] attempts) => throw new NotSupportedException();
    }

    private sealed class Experiment(FakePool pool) : IExperimentGrain
    {
        private static readonly DateTimeOffset s_now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public ExperimentState State { get; private set; } = new();

        public void Handle(ExperimentMessage message)
        {
            var result = ExperimentMachine.Handle(State, message, s_now);
            State = result.State;
            foreach (var release in result.Effects.OfType<ExperimentEffect.Release>())
            {
                Handle(new ExperimentMessage.Released([release.Attempt]));
            }
        }

        public Task<ExperimentState> StateAsync() => pool.IsAbsent ? throw new TimeoutException("nobody is there") : Task.FromResult(State);

        public async Task SubmitAsync(ExperimentSpec spec)
        {
            await Task.CompletedTask;
            pool.OnSubmit(spec);
            Handle(new ExperimentMessage.Submit(spec));
        }

        public Task CancelAsync(string by) => throw new NotSupportedException();

        public Task LeasesChangedAsync(Lease[] leases) => throw new NotSupportedException();

        public Task RunEndedAsync(TrialEnd end) => throw new NotSupportedException();

        public Task<bool> ForgetAsync() => throw new NotSupportedException();
    }
}
