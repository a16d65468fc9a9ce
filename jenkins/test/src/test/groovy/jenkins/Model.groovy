package jenkins

/** A part of the Jenkinsfile with its directives; it refuses any other, and any given twice. */
abstract class Section {

    final String where
    private final Set<String> seen = []

    Section(String where) {
        this.where = where
    }

    /** Reads the block: names are looked up here and nowhere else, so that nothing slips through to the script. */
    Section read(Closure block) {
        within(block, this)
        return this
    }

    static Object within(Closure block, Object delegate) {
        Closure copy = (Closure) block.clone()
        copy.delegate = delegate
        copy.resolveStrategy = Closure.DELEGATE_ONLY
        return copy.call()
    }

    protected void once(String directive) {
        if (!seen.add(directive)) { throw new Refused("$where: '$directive' is given twice") }
    }

    def methodMissing(String name, arguments) {
        throw new Refused("$where: unknown directive '$name'")
    }

    def propertyMissing(String name) {
        throw new Refused("$where: unknown name '$name'")
    }

}

/** Lines of `name arguments` from a table: options, triggers, parameters, the fields of an agent. */
class Rows extends Section {

    private final Map<String, Known> table
    private final Closure resolve
    final Map<String, Map> rows = [:]
    final List<Map> all = []

    Rows(String where, Map<String, Known> table, Closure resolve = null) {
        super(where)
        this.table = table
        this.resolve = resolve
    }

    def methodMissing(String name, arguments) {
        if (Known.SYMBOLS[name]) { return new Symbol(name, arguments as List) }
        if (!table[name]) { throw new Refused("$where: unknown '$name'; known are ${table.keySet().sort()}") }
        Map row = table[name].arguments(name, arguments as List)
        all << [kind: name] + row
        rows[name] = row
    }

    def propertyMissing(String name) {
        return resolve ? resolve(name) : super.propertyMissing(name)
    }

}

/** `agent none`, or `agent { kubernetes { ... } }`. */
class Agent extends Section {

    Map<String, Map> fields

    Agent(String where) {
        super(where)
    }

    void kubernetes(Closure block) {
        once('kubernetes')
        fields = ((Rows) new Rows("$where, kubernetes", Known.AGENT).read(block)).rows
    }

    String getTemplate() { return fields.inheritFrom?.template ?: { throw new Refused("$where: 'inheritFrom' is missing") }() }

    String getContainer() { return fields.defaultContainer?.container ?: { throw new Refused("$where: 'defaultContainer' is missing") }() }

}

class Post extends Section {

    /** In Jenkins' own order. */
    static final List<String> ORDER = ['always', 'changed', 'fixed', 'regression', 'aborted', 'success', 'unsuccessful', 'unstable', 'failure', 'cleanup']
    final Map<String, Closure> conditions = [:]

    Post(String where) {
        super(where)
    }

    def methodMissing(String name, arguments) {
        if (!(name in ORDER)) { throw new Refused("$where: unknown post condition '$name'; known are $ORDER") }
        once(name)
        conditions[name] = (Closure) arguments[0]
    }

}

class When extends Section {

    boolean beforeAgent
    /** Each answers, for a run, whether it holds. */
    final List<Closure<Boolean>> conditions = []

    When(String where) {
        super(where)
    }

    @Override
    When read(Closure block) {
        super.read(block)
        if (!conditions) { throw new Refused("$where: `when` has no condition") }
        return this
    }

    void beforeAgent(boolean value) { beforeAgent = value }

    void branch(String name) { conditions << { Run run -> run.build.branch == name } }

    void changeRequest() { conditions << { Run run -> run.build.change != null } }

    void triggeredBy(String cause) { conditions << { Run run -> run.build.cause == cause } }

    void environment(Map given) {
        if (given.keySet() != ['name', 'value'] as Set) { throw new Refused("$where: environment takes name and value, got $given") }
        conditions << { Run run -> run.environment.lookup((String) given.name) == given.value }
    }

    void expression(Closure value) { conditions << { Run run -> run.evaluate(value) as boolean } }

    void not(Closure block) {
        When inner = new When(where).read(block)
        if (inner.conditions.size() != 1) { throw new Refused("$where: `not` takes one condition, got ${inner.conditions.size()}") }
        conditions << { Run run -> !inner.conditions[0](run) }
    }

    void allOf(Closure block) {
        When inner = new When(where).read(block)
        conditions << { Run run -> inner.holds(run) }
    }

    void anyOf(Closure block) {
        When inner = new When(where).read(block)
        conditions << { Run run -> inner.conditions.any { it(run) } }
    }

    boolean holds(Run run) { return conditions.every { it(run) } }

}

class Stages extends Section {

    final List<Stage> list = []
    private final boolean branches

    Stages(String where, boolean branches = false) {
        super(where)
        this.branches = branches
    }

    void stage(String name, Closure block) { list << (Stage) new Stage(name, branches).read(block) }

    @Override
    Stages read(Closure block) {
        super.read(block)
        if (!list) { throw new Refused("$where: `stages` has no stage") }
        return this
    }

}

/** What stages and the pipeline have in common. */
abstract class Staged extends Section {

    Agent agent
    Map<String, Map> options = [:]
    Closure environment
    Post post
    Stages children

    Staged(String where) {
        super(where)
    }

    Object getNone() { return null }

    void agent(Object given) {
        once('agent')
        if (given != null && !(given instanceof Closure)) { throw new Refused("$where: unknown agent $given") }
        if (given != null) { agent = (Agent) new Agent("$where, agent").read((Closure) given) }
    }

    void environment(Closure block) { once('environment'); environment = block }

    void stages(Closure block) { once('stages'); children = new Stages(where).read(block) }

    void post(Closure block) {
        once('post')
        post = (Post) new Post("$where, post").read(block)
        if (!post.conditions) { throw new Refused("$where: `post` has no condition") }
    }

}

class Stage extends Staged {

    final String name
    private final boolean branch
    When when
    Closure steps
    boolean parallel
    boolean failFast

    Stage(String name, boolean branch) {
        super("stage '$name'")
        this.name = name
        this.branch = branch
    }

    void options(Closure block) { once('options'); options = ((Rows) new Rows("$where, options", Known.STAGE_OPTIONS).read(block)).rows }

    void when(Closure block) { once('when'); when = new When("$where, when").read(block) }

    void steps(Closure block) { once('steps'); steps = block }

    void failFast(boolean value) { once('failFast'); failFast = value }

    void parallel(Closure block) {
        once('parallel')
        if (branch) { throw new Refused("$where: stages in parallel cannot hold others in parallel") }
        parallel = true
        children = new Stages(where, true).read(block)
    }

    @Override
    void stages(Closure block) {
        if (parallel) { throw new Refused("$where has both `parallel` and `stages`") }
        once('stages')
        children = new Stages(where, branch).read(block)
    }

    @Override
    Stage read(Closure block) {
        super.read(block)
        if ((steps != null) == (children != null)) { throw new Refused("$where needs one of `steps`, `stages` and `parallel`") }
        if (parallel && agent) { throw new Refused("$where: an `agent` beside `parallel` has nothing to run on it") }
        if (failFast && !parallel) { throw new Refused("$where: `failFast` without `parallel`") }
        return this
    }

}

class Pipeline extends Staged {

    Closure triggers
    Closure parameters

    Pipeline() {
        super('pipeline')
    }

    void options(Closure block) { once('options'); options = ((Rows) new Rows('options', Known.PIPELINE_OPTIONS).read(block)).rows }

    void triggers(Closure block) { once('triggers'); triggers = block }

    void parameters(Closure block) { once('parameters'); parameters = block }

    private boolean agentGiven

    @Override
    void agent(Object given) { super.agent(given); agentGiven = true }

    @Override
    Pipeline read(Closure block) {
        super.read(block)
        if (!agentGiven) { throw new Refused('pipeline has no `agent`') }
        if (!children) { throw new Refused('pipeline has no `stages`') }
        List<String> names = everyStage()*.name
        Set<String> twice = names.findAll { names.count(it) > 1 } as Set
        if (twice) { throw new Refused("stages of the same name: $twice") }
        return this
    }

    List<Stage> everyStage(Stages under = children) {
        return under.list.collectMany { Stage one -> [one] + (one.children ? everyStage(one.children) : []) }
    }

}
